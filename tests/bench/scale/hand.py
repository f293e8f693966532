"""The hand that changes the Service, from a process in the network of the API server."""

from pathlib import Path
from time import monotonic

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiError
from agent.cluster.connection import Connection, Kubeconfig
from tests.bench.scale.cluster_objects import ports
from tests.bench.scale.names import SERVICE, SERVICES


class Hand:
    """An administrator's."""

    def __init__(self, kubeconfig: Path) -> None:
        self._api = Api(Connection(Kubeconfig(kubeconfig), user_agent="bench"))

    def set_port(self, port: int) -> float | None:
        """Give the Service that port. The monotonic time just before; None if it was refused."""
        self._api.get(f"{SERVICES}/{SERVICE}")  # so that the connection stands already
        began = monotonic()
        return began if self.try_port(port) else None

    def try_port(self, port: int) -> bool:
        """Give the Service that port, if the API server takes it."""
        try:
            self._api.patch(f"{SERVICES}/{SERVICE}", {"spec": {"ports": ports(port)}})
        except ApiError:
            return False
        return True
