"""What answers at Docker's socket as a dockerd would, with answers that a test sets."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Event, Thread
from typing import Any, ClassVar

SOCKET = "/var/run/docker.sock"
CONTAINERD_STORE = {
    "ServerVersion": "29.8.0",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
}
CLASSIC_STORE = {"ServerVersion": "20.10.24+dfsg1", "DriverStatus": [["Backing Filesystem", "x"]]}


@dataclass
class Dockerd:
    """`pulled` is the answer to every pull: status and body. `asked` are the requests so far."""

    info: Any = field(default_factory=lambda: dict(CONTAINERD_STORE))
    pulled: tuple[int, str] = (404, '{"message": "no words"}')
    api: str = "1.56"
    pause_seconds: float = 0.0
    asked: list[str] = field(default_factory=list)

    def answer(self, request: str) -> tuple[int, str]:
        self.asked.append(request)
        Event().wait(self.pause_seconds)
        match request.split(maxsplit=1)[0]:
            case "GET":
                return 200, json.dumps(self.info)
            case "POST":
                return self.pulled
            case _:
                return 200, "[]"


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Whoever asked has not waited for the answer."""


@contextmanager
def serving(root: Path, dockerd: Dockerd, *, socket: str = SOCKET) -> Iterator[Dockerd]:
    """Let it answer there, until the end."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = dockerd.answer(f"{self.command} {self.path}")
            self.send_response(status)
            self.send_header("Api-Version", dockerd.api)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_DELETE = do_GET  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    place = root / socket.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(place.parent, os.O_PATH)  # its whole path may be too long for a socket
    try:
        with _Server(f"/proc/self/fd/{folder}/{place.name}", Answers) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield dockerd
            finally:
                server.shutdown()
                thread.join()
    finally:
        place.unlink(missing_ok=True)
        os.close(folder)
