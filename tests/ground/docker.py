"""A real Docker inside a node, asked by its own API. It shares the node's containerd.

It starts no containers and makes no network of its own: what is under test are its pulls.
"""

import json
from time import monotonic
from urllib.parse import quote, urlencode

from tests.ground import programs, runtime
from tests.ground.cri import Pull
from tests.ground.daemon import Daemon
from tests.ground.images import SocketConnection
from tests.ground.namespaces import NodeTroubleError
from tests.ground.node import Node
from tests.ground.programs import Program

SOCKET = "run/docker.sock"
LOG = "run/docker.log"
CERTS_D = "etc/docker/certs.d"
_ARGUMENTS = (
    f"--containerd=/{runtime.SOCKET}",
    *("--bridge=none", "--iptables=false", "--ip6tables=false", "--userland-proxy=false"),
)


def tools(version: str) -> tuple[Program, ...]:
    """What a node must have for a Docker of that version, itself first."""
    return (programs.dockerd(version), programs.runc())


class Docker(Daemon):
    """One dockerd on a node that was made with `tools`, and whose containerd runs."""

    def __init__(self, node: Node, version: str) -> None:
        super().__init__(*tools(version), namespaces=node.namespaces, log=LOG)
        self._socket = node.root / SOCKET

    def start(self, *arguments: str, seconds: float = 60.0) -> None:
        """Start it, anew where it runs, and wait until its API answers."""
        super().start(*_ARGUMENTS, *arguments, seconds=seconds)

    def answers(self) -> bool:
        try:
            return self._ask("GET", "/_ping")[0] == 200
        except OSError:
            return False

    def info(self) -> dict[str, object]:
        """What it says about itself."""
        status, said = self._ask("GET", "/info")
        if status != 200:
            raise NodeTroubleError(f"docker info: {status} {said}")
        found: dict[str, object] = json.loads(said)
        return found

    def pull(self, image: str) -> Pull:
        """A pull by name and tag that cannot be answered from what the node has already."""
        self.remove_image(image)
        name, _, tag = image.rpartition(":")
        query = urlencode({"fromImage": name, "tag": tag})
        started = monotonic()
        status, said = self._ask("POST", f"/images/create?{query}")
        last = json.loads(said.splitlines()[-1])
        error = str(last.get("error", "") if status == 200 else last["message"])
        return Pull(ok=not error, error=error, seconds=monotonic() - started)

    def remove_image(self, image: str) -> None:
        """Forget an image; one that is not there is no trouble."""
        status, said = self._ask("DELETE", f"/images/{quote(image)}")
        if status not in {200, 404}:
            raise NodeTroubleError(f"docker image rm {image}: {status} {said}")

    def _ask(self, method: str, path: str) -> tuple[int, str]:
        connection = SocketConnection(self._socket)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()
