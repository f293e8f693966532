"""The hand that changes the Service, from a process in the network of the API server."""

from pathlib import Path
from threading import Event
from time import monotonic

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiError
from agent.cluster.connection import Connection, Kubeconfig
from tests.bench.scale.cluster_objects import ports
from tests.bench.scale.names import SERVICE, SERVICES
from tests.ground.namespaces import NodeTroubleError

_PATIENCE_SECONDS = 30.0
_BETWEEN_TRIES_SECONDS = 0.1
_PAUSE = Event()  # never set: waiting on it is a pause


class Hand:
    """An administrator's."""

    def __init__(self, kubeconfig: Path) -> None:
        connection = Connection(Kubeconfig(kubeconfig), user_agent="bench")
        self._api = Api(connection, read_seconds=_PATIENCE_SECONDS)

    def set_port(self, port: int) -> float:
        """Give the Service that port. The monotonic time just before. Raises NodeTroubleError."""
        try:
            self._api.get(f"{SERVICES}/{SERVICE}")  # so that the connection stands already
            began = monotonic()
            self._api.patch(f"{SERVICES}/{SERVICE}", {"spec": {"ports": ports(port)}})
        except ApiError as error:
            raise NodeTroubleError(f"the Service could not be changed: {error}") from error
        return began

    def set_port_at_last(self, port: int) -> float:
        """The same, tried again until the API server is there. Raises NodeTroubleError."""
        until = monotonic() + _PATIENCE_SECONDS * 4
        while True:
            try:
                return self.set_port(port)
            except NodeTroubleError:
                if monotonic() > until:
                    raise
                _PAUSE.wait(_BETWEEN_TRIES_SECONDS)
