"""A real cri-dockerd inside a node: what the kubelet needs to pull with a Docker."""

from tests.ground import programs
from tests.ground.daemon import CriDaemon
from tests.ground.node import Node

SOCKET = "run/cri-dockerd.sock"
LOG = "run/cri-dockerd.log"


class CriDockerd(CriDaemon):
    """One cri-dockerd on a node that has its program among its tools, and whose Docker runs."""

    def __init__(self, node: Node) -> None:
        super().__init__(programs.cri_dockerd(), namespaces=node.namespaces, log=LOG, socket=SOCKET)

    def start(self, *arguments: str, seconds: float = 60.0) -> None:
        """Start it, anew where it runs, and wait until its CRI services answer."""
        super().start("--network-plugin=", *arguments, seconds=seconds)
