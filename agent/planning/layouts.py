"""Where each distribution keeps its runtime's files, and who else owns them: one table of data.

What a running runtime tells by itself (its configuration, its roots, its socket) is not taken from
here. A layout adds what cannot be seen: what turns `config_path` on where the file is generated,
what else writes below the same directories, which nodes cannot be served at all, and what to use
there instead. Sources are named by project and file; the first layout that matches is taken.
"""

from dataclasses import dataclass

from agent.planning.containerd_config import CERTS_D, DEFAULT_CONFIG_PATH

AUTO, DEFAULT_LAYOUT = "auto", "kubeadm"
_LINE = f'config_path = "{CERTS_D}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One distribution. Every path is the node's own; a `*` in `told` stands for anything.

    `config` is the runtime's configuration, `config_path` what the distribution sets there, empty
    where it sets nothing. `told` are paths of the configuration or the socket by which a running
    process gives it away; `markers` are paths that only this distribution has, `os_ids` the `ID`
    of its os-release, `node_names` how its nodes' names begin.
    `generated` says who writes the configuration anew and what to change instead, empty where it
    is a person's to edit; `generated_at` limits that to one path. `shared_with` says who else
    writes beside us; `unsupported` what to use on a node that cannot be served.
    """

    name: str
    title: str
    config: str = "/etc/containerd/config.toml"
    config_path: str = ""
    told: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    os_ids: tuple[str, ...] = ()
    node_names: tuple[str, ...] = ()
    generated: str = ""
    generated_at: str = ""
    shared_with: str = ""
    unsupported: str = ""


def _rancher(name: str, title: str, *, units: tuple[str, ...], told: tuple[str, ...]) -> Layout:
    """k3s and RKE2 are one program here (k3s, pkg/agent/containerd/config.go)."""
    folder = f"/var/lib/rancher/{name}/agent/etc/containerd"
    return Layout(
        name=name,
        title=title,
        config=f"{folder}/config.toml",
        config_path=f"{folder}/certs.d",
        told=(f"{folder}/*", f"*/{name}/agent/etc/containerd/config.toml", *told),
        markers=(f"/etc/rancher/{name}",),
        generated=(
            f"{title} writes it anew at every start, with config_path set unless a template of "
            f"yours leaves it out: set it in {folder}/config-v3.toml.tmpl (config.toml.tmpl for "
            f"containerd 1.x), and restart {' or '.join(units)}"
        ),
        shared_with=(
            f"{title} removes at its start the directories of hosts in /etc/rancher/{name}/"
            "registries.yaml, and before September 2024 all of them; the agent writes ours again"
        ),
    )


LAYOUTS = (
    Layout(
        name="gke-autopilot",
        title="GKE Autopilot",
        node_names=("gk3-",),
        unsupported=(
            "Autopilot lets no pod write to a node; use a cluster or node pool in Standard mode, "
            "or an Artifact Registry"
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
    _rancher("rke2", "RKE2", units=("rke2-server.service", "rke2-agent.service"), told=()),
    _rancher(
        "k3s",
        "k3s",
        units=("k3s.service", "k3s-agent.service"),
        told=("*/agent/etc/containerd/config.toml",),  # --data-dir, of either
    ),
    Layout(
        name="k0s",
        title="k0s",
        config="/etc/k0s/containerd.toml",
        told=("/etc/k0s/*", "/run/k0s/*"),
        markers=("/etc/k0s",),
        generated=(
            "k0s writes it anew; put a file with the one table `registry` and its line "
            f"`{_LINE}` into /etc/k0s/containerd.d, without a `version`, below "
            '[plugins."io.containerd.cri.v1.images".registry], or before k0s 1.36 below '
            '[plugins."io.containerd.grpc.v1.cri".registry]: k0s restarts containerd itself'
        ),
    ),
    Layout(
        name="microk8s",
        title="MicroK8s",
        config="/var/snap/microk8s/current/args/containerd.toml",
        config_path="/var/snap/microk8s/current/args/certs.d",
        told=("/var/snap/microk8s/*",),
        markers=("/var/snap/microk8s",),
        generated=(
            "MicroK8s renders it from containerd-template.toml beside it; set config_path there "
            "and `snap restart microk8s.daemon-containerd`"
        ),
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
        markers=("/etc/flatcar",),
        os_ids=("flatcar",),
        generated=(
            "it lies on the read-only /usr; copy it to /etc/containerd/config.toml, let a drop-in "
            "of containerd.service name that, `systemctl daemon-reload`, and restart containerd"
        ),
        generated_at="/usr/share/containerd/config.toml",
    ),
    Layout(name=DEFAULT_LAYOUT, title="kubeadm, or containerd's own package"),
)
NAMES = tuple(layout.name for layout in LAYOUTS)
