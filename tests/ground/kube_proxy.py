"""A real kube-proxy on a node: what makes a ClusterIP lead to the endpoints of its Service."""

from tests.ground import programs
from tests.ground.control_plane import API_ADDRESS, ControlPlane
from tests.ground.namespaces import PATH
from tests.ground.node import Node
from tests.ground.server import Server

# Connection tracking is left as it is: some of its settings are the whole machine's.
_LEFT_ALONE = ("max-per-core", "tcp-timeout-established", "tcp-timeout-close-wait")


def kube_proxy(*, node: Node, control_plane: ControlPlane) -> Server:
    """It, not started; it is ready when the API server answers at its ClusterIP."""
    kubeconfig = control_plane.write_kubeconfig("system:kube-proxy")
    command = [
        str(programs.kubernetes("kube-proxy").executable),
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={node.name}",
        "--proxy-mode=nftables",
        "--detect-local-mode=InterfaceNamePrefix",
        "--pod-interface-name-prefix=veth",
        *(f"--conntrack-{setting}=0" for setting in _LEFT_ALONE),
    ]
    nft = programs.nft()

    def is_ready() -> bool:
        there = ("get", "--raw=/readyz", f"--server=https://{API_ADDRESS}", "--request-timeout=2s")
        return control_plane.kubectl.call(*there).returncode == 0

    return Server(
        command=command,
        place=node,
        log=node.root / "run/kube-proxy.log",
        is_ready=is_ready,
        env=nft.environment | {"PATH": f"{nft.executable.parent}:{PATH}"},
    )
