"""The layouts as their distributions ship them: a configuration, where it lies, what marks them.

Written from each project's own documented defaults and templates (facts, not copies), as files in
`layouts/`. What a private node cannot have, such as another socket or a lower OOM score, is left
out or set to what it can have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import Reason
from tests.ground.namespaces import NodeTroubleError
from tests.ground.node import Node

FILES = Path(__file__).parent / "layouts"
_USR_SHARE, _SYSTEM_IMAGE = "/usr/share", "/opt/usr-share"
_ETC = "/etc/containerd/config.toml"
_CERTS_D = "/etc/containerd/certs.d"
_COLON_LIST = f"{_CERTS_D}:/etc/docker/certs.d"
_BELOW = "agent/etc/containerd"
_K3S, _RKE2 = f"/var/lib/rancher/k3s/{_BELOW}", f"/var/lib/rancher/rke2/{_BELOW}"
_MOVED = f"/data/{_BELOW}"
_MICROK8S = "/var/snap/microk8s/current/args"
_CANONICAL = "/var/snap/k8s/common/etc/containerd"
_FLATCAR = f"{_USR_SHARE}/containerd/config.toml"
_K0S, _K0S_CRI = "/etc/k0s/containerd.toml", "/run/k0s/containerd-cri.toml"
_KIND = {"/etc/systemd/system/kubelet.service.d/11-kind.conf": ""}
_MINIKUBE = {"/var/lib/minikube/kubeadm.yaml": ""}
_EKS = {"/etc/eks/release": ""}
_AKS = {"/etc/containerd/kubenet_template.conf": ""}
_GKE = {"/etc/systemd/system/kube-node-installation.service": ""}
_RELEASE = {"/etc/os-release": "ID=flatcar\n"}


def _file(name: str) -> str:
    return (FILES / name).read_text()


@dataclass(frozen=True, kw_only=True)
class LayoutNode:
    """One file of `layouts/`, the containerd it is for, and by which reason ours is not read.

    `config` is where the file lies, `others` are more files by their paths. `effective` is what
    `containerd config dump` tells for config_path. `moved` is a data directory, and to where.
    """

    file: str
    title: str
    containerd: str
    config: str = _ETC
    others: Mapping[str, str] = field(default_factory=dict)
    effective: str = _CERTS_D
    unread: Reason | None = None
    moved: tuple[str, str] = ("", "")

    @property
    def text(self) -> str:
        return _file(self.file).replace(*self.moved)

    def __str__(self) -> str:
        return f"{self.file} on {self.containerd}"


LAYOUT_NODES = (
    LayoutNode(file="kubeadm-v1.toml", title="kubeadm", containerd="1.7"),
    LayoutNode(file="kubeadm-v4.toml", title="kubeadm", containerd="2.3"),
    *(
        LayoutNode(
            file=f"{name}-{version}.toml",
            title=title,
            containerd=containerd,
            config=f"{folder}/config.toml",
            effective=f"{folder}/certs.d",
        )
        for name, title, folder in (("k3s", "k3s", _K3S), ("rke2", "RKE2", _RKE2))
        for version, containerd in (("v2", "1.7"), ("v3", "2.1"))
    ),
    LayoutNode(
        file="rke2-v3.toml",
        title="RKE2",
        containerd="2.0",
        config=f"{_MOVED}/config.toml",
        others={"/etc/rancher/rke2/config.yaml": "data-dir: /data\n"},
        effective=f"{_MOVED}/certs.d",
        moved=("/var/lib/rancher/rke2", "/data"),
    ),
    LayoutNode(
        file="k0s.toml",
        title="k0s",
        containerd="1.7",
        config=_K0S,
        others={_K0S_CRI: _file("k0s-cri.toml")},
        effective="",
        unread=Reason.CONFIG_GENERATED,
    ),
    LayoutNode(
        file="k0s-v3.toml",
        title="k0s",
        containerd="2.1",
        config=_K0S,
        others={_K0S_CRI: _file("k0s-cri-v3.toml")},
    ),
    LayoutNode(
        file="microk8s.toml",
        title="MicroK8s",
        containerd="1.6",
        config=f"{_MICROK8S}/containerd.toml",
        effective=f"{_MICROK8S}/certs.d",
    ),
    LayoutNode(
        file="canonical-k8s.toml",
        title="Canonical Kubernetes",
        containerd="1.7",
        config=f"{_CANONICAL}/config.toml",
        effective=f"{_CANONICAL}/hosts.d",
    ),
    LayoutNode(file="kind.toml", title="kind", containerd="2.2", others=_KIND, effective=""),
    *(
        LayoutNode(file="minikube.toml", title="minikube", containerd=version, others=_MINIKUBE)
        for version in ("1.7", "2.1")
    ),
    LayoutNode(
        file="eks-al2.toml",
        title="EKS",
        containerd="1.7",
        others={**_EKS, "/etc/containerd/config.d/10-debug.toml": '[debug]\nlevel = "info"\n'},
        effective=_COLON_LIST,
    ),
    *(
        LayoutNode(
            file=f"eks-al2023-{version}.toml",
            title="EKS",
            containerd=containerd,
            others=_EKS,
            effective=_COLON_LIST,
        )
        for version, containerd in (("v2", "1.7"), ("v3", "2.1"))
    ),
    LayoutNode(file="aks-v2.toml", title="AKS", containerd="1.7", others=_AKS),
    LayoutNode(file="aks-containerd-2.toml", title="AKS", containerd="2.0", others=_AKS),
    *(
        LayoutNode(
            file="gke.toml",
            title="GKE",
            containerd=version,
            others=_GKE,
            effective="/etc/containerd/hosts.d",
        )
        for version in ("1.7", "2.1")
    ),
    LayoutNode(
        file="flatcar.toml",
        title="Flatcar",
        containerd="1.7",
        config=_FLATCAR,
        others=_RELEASE,
        effective="",
        unread=Reason.CONFIG_GENERATED,
    ),
)

EDITABLE_NODES = (
    LayoutNode(file="kind.toml", title="kind", containerd="1.7", others=_KIND),
    LayoutNode(file="flatcar.toml", title="Flatcar", containerd="2.0", others=_RELEASE),
    LayoutNode(file="k0s-own.toml", title="k0s", containerd="1.7", config=_K0S),
)
"""Those whose file is a person's, and does not set config_path: the plan shows the edit."""


def write_config(node: Node, path: str, text: str) -> None:
    """Write a runtime's configuration, be it on a /usr that is read-only and not this machine's."""
    if not path.startswith(f"{_USR_SHARE}/"):
        node.write(path, text)
        return
    node.write(path.replace(_USR_SHARE, _SYSTEM_IMAGE), text)
    layers = f"lowerdir={node.root}{_SYSTEM_IMAGE}:{_USR_SHARE}"
    place = f"{node.root}{_USR_SHARE}"
    done = node.run(["mount", "-t", "overlay", "overlay", "-o", f"ro,{layers}", place])
    if done.returncode:
        raise NodeTroubleError(done.stderr)
