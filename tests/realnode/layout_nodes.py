"""The layouts as their distributions ship them: a configuration, where it lies, what marks them.

Written from each project's own documented defaults and templates (facts, not copies), as files in
`layouts/`. What a private node cannot have, such as another socket, another data directory or a
/usr of its own (Flatcar), is left out.
"""

from dataclasses import dataclass
from pathlib import Path

from agent.errors import Reason

_FILES = Path(__file__).parent / "layouts"
_ETC = "/etc/containerd/config.toml"
_K3S = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml"
_RKE2 = "/var/lib/rancher/rke2/agent/etc/containerd/config.toml"
_MICROK8S = "/var/snap/microk8s/current/args/containerd.toml"


@dataclass(frozen=True, kw_only=True)
class LayoutNode:
    """One file of `layouts/`, the containerd it is for, and by which reason ours is not read."""

    file: str
    title: str
    containerd: str
    config: str = _ETC
    marker: str = ""
    unread: Reason | None = None

    @property
    def text(self) -> str:
        return (_FILES / self.file).read_text()


LAYOUT_NODES = (
    LayoutNode(file="kubeadm-v1.toml", title="kubeadm", containerd="1.7"),
    LayoutNode(file="kubeadm-v4.toml", title="kubeadm", containerd="2.3"),
    LayoutNode(file="k3s-v2.toml", title="k3s", containerd="1.7", config=_K3S),
    LayoutNode(file="rke2-v3.toml", title="RKE2", containerd="2.1", config=_RKE2),
    LayoutNode(
        file="k0s.toml",
        title="k0s",
        containerd="1.7",
        config="/etc/k0s/containerd.toml",
        unread=Reason.CONFIG_GENERATED,
    ),
    LayoutNode(file="microk8s.toml", title="MicroK8s", containerd="1.6", config=_MICROK8S),
    LayoutNode(
        file="kind.toml",
        title="kind",
        containerd="2.2",
        marker="/etc/systemd/system/kubelet.service.d/11-kind.conf",
    ),
    LayoutNode(
        file="kind.toml",
        title="kind",
        containerd="1.7",
        marker="/etc/systemd/system/kubelet.service.d/11-kind.conf",
        unread=Reason.CONFIG_PATH_UNSET,
    ),
    LayoutNode(
        file="minikube.toml",
        title="minikube",
        containerd="1.7",
        marker="/var/lib/minikube/kubeadm.yaml",
    ),
    LayoutNode(file="eks-al2023-v2.toml", title="EKS", containerd="1.7", marker="/etc/eks/release"),
    LayoutNode(file="eks-al2023-v3.toml", title="EKS", containerd="2.1", marker="/etc/eks/release"),
    LayoutNode(
        file="aks-v2.toml",
        title="AKS",
        containerd="1.7",
        marker="/etc/containerd/kubenet_template.conf",
    ),
    LayoutNode(
        file="aks-containerd-2.toml",
        title="AKS",
        containerd="2.0",
        marker="/etc/containerd/kubenet_template.conf",
    ),
    LayoutNode(
        file="gke.toml",
        title="GKE",
        containerd="2.1",
        marker="/etc/systemd/system/kube-node-installation.service",
    ),
)
