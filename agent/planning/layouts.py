"""Where each distribution keeps its runtime's files, and who else owns them: one table of data.

What a running runtime tells by itself (its configuration, its roots, its socket) is not taken from
here. A layout adds what cannot be seen: what turns `config_path` on where the file is generated,
what else writes below the same directories, which nodes cannot be served at all, and what to use
there instead. Sources are named by project and file; the first layout that matches is taken.
"""

from dataclasses import dataclass

from agent.planning.containerd_config import CERTS_D, DEFAULT_CONFIG_PATH
from agent.planning.containerd_merge import DEFAULT_SOCKET

AUTO, DEFAULT_LAYOUT = "auto", "kubeadm"
_LINE = f'config_path = "{CERTS_D}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One distribution. Every path is the node's own; a `*` in `told` stands for anything.

    `config` is the runtime's configuration and `socket` where it listens, both of use while it
    does not run; `config_path` is what the distribution sets there, empty where it sets nothing.
    `told` are paths of the configuration or the socket by which a running process gives it away,
    `told_by_many` those of several distributions, of which the one with markers is meant;
    `markers` are paths that only this distribution has, `os_ids` the `ID` of its os-release,
    `node_names` how its nodes' names begin. `data_dir` is the directory that its option
    `--data-dir` moves, `moved_in` the files, a pattern among them, that may say so, the last wins.
    `generated` says who writes the configuration anew and what to change instead (`{folder}` is
    where the configuration is), empty where it is a person's to edit; `generated_at` limits that
    to one path, `generated_mark` to a file with that line. `shared_with` says who else writes
    beside us; `unsupported` what to use on a node that cannot be served.
    """

    name: str
    title: str
    config: str = "/etc/containerd/config.toml"
    socket: str = DEFAULT_SOCKET
    config_path: str = ""
    told: tuple[str, ...] = ()
    told_by_many: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    os_ids: tuple[str, ...] = ()
    node_names: tuple[str, ...] = ()
    data_dir: str = ""
    moved_in: tuple[str, ...] = ()
    generated: str = ""
    generated_at: str = ""
    generated_mark: str = ""
    shared_with: str = ""
    unsupported: str = ""


def _rancher(name: str, title: str, *, units: tuple[str, ...]) -> Layout:
    """k3s and RKE2 are one program here (k3s, pkg/agent/containerd/config.go)."""
    data_dir, settings = f"/var/lib/rancher/{name}", f"/etc/rancher/{name}"
    below = "agent/etc/containerd"
    return Layout(
        name=name,
        title=title,
        config=f"{data_dir}/{below}/config.toml",
        socket="/run/k3s/containerd/containerd.sock",
        config_path=f"{data_dir}/{below}/certs.d",
        told=(f"{data_dir}/{below}/*", f"*/{name}/{below}/config.toml"),
        told_by_many=(f"*/{below}/config.toml",),
        markers=(settings,),
        data_dir=data_dir,
        moved_in=(
            *(f"/etc/systemd/system/{unit}.env" for unit in units),
            *(f"/etc/default/{unit.removesuffix('.service')}" for unit in units),
            f"{settings}/config.yaml",
            f"{settings}/config.yaml.d/*.yaml",
            *(f"/etc/systemd/system/{unit}{more}" for unit in units for more in ("", ".d/*.conf")),
        ),
        generated=(
            f"{title} writes it anew at every start, with config_path set unless a template of "
            "yours leaves it out: set it in {folder}/config-v3.toml.tmpl (config.toml.tmpl for "
            f"containerd 1.x), and restart {' or '.join(units)}"
        ),
        shared_with=(
            f"{title} removes at its start the directories of hosts in {settings}/registries.yaml, "
            "and before September 2024 all of them; the agent writes ours again"
        ),
    )


# Autopilot and Fargate are told by the node's name alone, the only trace there is: their admission
# refuses the DaemonSet (GKE Warden: host network, host paths) or never starts it, so that an agent
# there runs outside of its pod, and sees the Container-Optimized OS or Amazon Linux of any node.
LAYOUTS = (
    Layout(
        name="gke-autopilot",
        title="GKE Autopilot",
        node_names=("gk3-",),
        unsupported=(
            "Autopilot lets no pod write to a node, and refuses the DaemonSet at its admission; "
            "use a cluster or node pool in Standard mode, or an Artifact Registry"
        ),
    ),
    Layout(
        name="fargate",
        title="Fargate",
        node_names=("fargate-",),
        unsupported="Fargate runs no DaemonSets; use a node group, or Amazon ECR",
    ),
    Layout(
        name="talos",
        title="Talos",
        config="/etc/cri/containerd.toml",
        config_path="/etc/cri/conf.d/hosts",
        told=("/etc/cri/*",),
        markers=("/etc/cri/conf.d/cri.toml",),
        os_ids=("talos",),
        unsupported=(
            "Talos has a read-only root, and takes away what it did not write; use the machine "
            "configuration's RegistryMirrorConfig and RegistryTLSConfig"
        ),
    ),
    Layout(
        name="bottlerocket",
        title="Bottlerocket",
        markers=("/run/host-containerd",),
        os_ids=("bottlerocket",),
        unsupported=(
            "Bottlerocket makes /etc/containerd from its settings, and SELinux guards it; use "
            "`apiclient set` with settings.container-registry and settings.pki"
        ),
    ),
    _rancher("k3s", "k3s", units=("k3s.service", "k3s-agent.service")),
    _rancher("rke2", "RKE2", units=("rke2-server.service", "rke2-agent.service")),
    Layout(
        name="k0s",
        title="k0s",
        config="/etc/k0s/containerd.toml",
        socket="/run/k0s/containerd.sock",
        told=("/etc/k0s/*", "/run/k0s/*"),
        markers=("/etc/k0s",),
        generated=(
            "k0s writes it anew; put a file with the one table `registry` and its line "
            f"`{_LINE}` into /etc/k0s/containerd.d, without a `version`, below "
            '[plugins."io.containerd.cri.v1.images".registry], or before k0s 1.36 below '
            '[plugins."io.containerd.grpc.v1.cri".registry]: k0s restarts containerd itself'
        ),
        generated_mark="# k0s_managed=true",  # a file without it is a person's (docs/runtime.md)
    ),
    Layout(
        name="microk8s",
        title="MicroK8s",
        config="/var/snap/microk8s/current/args/containerd.toml",
        socket="/var/snap/microk8s/common/run/containerd.sock",
        config_path="/var/snap/microk8s/current/args/certs.d",
        told=("/var/snap/microk8s/*",),
        markers=(
            "/var/snap/microk8s",
            "/etc/systemd/system/snap.microk8s.daemon-containerd.service",
        ),
        generated=(
            "MicroK8s renders it from {folder}/containerd-template.toml; set config_path there and "
            "`snap restart microk8s.daemon-containerd`"
        ),
    ),
    Layout(
        name="canonical-k8s",
        title="Canonical Kubernetes",
        config="/var/snap/k8s/common/etc/containerd/config.toml",
        socket="/var/snap/k8s/common/run/containerd.sock",
        config_path="/var/snap/k8s/common/etc/containerd/hosts.d",
        told=("/var/snap/k8s/*",),
        markers=("/var/snap/k8s", "/etc/systemd/system/snap.k8s.containerd.service"),
        generated=(
            "k8sd writes it anew, with config_path set; set it in a file of {folder}/conf.d and "
            "`snap restart k8s.containerd`"
        ),
        shared_with="k8sd keeps directories of the mirrors it was told of beside ours",
    ),
    Layout(
        name="kind",
        title="kind",
        markers=("/etc/systemd/system/kubelet.service.d/11-kind.conf",),
        shared_with="a cluster made anew needs it in containerdConfigPatches of kind's own file",
    ),
    Layout(
        name="minikube",
        title="minikube",
        config_path=CERTS_D,
        markers=("/var/lib/minikube",),
        generated="`minikube start` writes it anew, with config_path set: start it once more",
    ),
    Layout(
        name="eks",
        title="EKS (Amazon Linux 2 and 2023)",
        config_path=DEFAULT_CONFIG_PATH,
        markers=("/etc/eks",),
        generated=(
            "EKS writes it at every boot, with config_path set; on AL2023 change it by "
            "spec.containerd.config of the NodeConfig, on AL2 by a file in /etc/containerd/config.d"
        ),
    ),
    Layout(
        name="aks",
        title="AKS",
        config_path=CERTS_D,
        markers=("/etc/containerd/kubenet_template.conf",),
        generated="AKS writes it for each new node, with config_path set: reimage the node",
        shared_with="AKS keeps a directory for mcr.microsoft.com beside ours",
    ),
    Layout(
        name="gke",
        title="GKE (Container-Optimized OS and Ubuntu)",
        config_path="/etc/containerd/hosts.d",
        markers=("/etc/systemd/system/kube-node-installation.service",),
        os_ids=("cos",),
        generated="GKE writes it at every boot; use the node pool's containerdConfig",
        shared_with="on Container-Optimized OS a reboot empties /etc: the agent writes ours again",
    ),
    Layout(
        name="openshift",
        title="OpenShift",
        config="/etc/crio/crio.conf",
        markers=("/etc/machine-config-daemon",),
        os_ids=("rhcos", "scos"),
        shared_with=(
            "the machine-config daemon owns /etc/containers/registries.conf and /etc/docker/certs.d"
        ),
    ),
    Layout(
        name="microshift",
        title="MicroShift",
        config="/etc/crio/crio.conf",
        markers=("/etc/microshift", "/var/lib/microshift"),
    ),
    Layout(
        name="flatcar",
        title="Flatcar",
        config="/usr/share/containerd/config.toml",
        told_by_many=("/usr/share/containerd/*",),
        markers=("/etc/flatcar",),
        os_ids=("flatcar",),
        generated=(
            "it lies on the read-only /usr; copy it to /etc/containerd/config.toml, let a drop-in "
            "of containerd.service name that, `systemctl daemon-reload`, and restart containerd"
        ),
        generated_at="/usr/share/containerd/config.toml",
    ),
    Layout(name=DEFAULT_LAYOUT, title="kubeadm, or the runtime's own package"),
)
NAMES = tuple(layout.name for layout in LAYOUTS)
