"""`/metrics`, `/livez` and `/readyz` over plain HTTP: one request per connection, bounded.

A port that is taken stops nothing here: it is said, and tried again. But whoever probes it does not
find us: the kubelet ends a DaemonSet's container for that. A client that is slow is cut off after
ten seconds in all, however it spreads its bytes, and more than a few at once are turned away: the
agent must not run out of threads because somebody keeps connections open.
"""

import gzip
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Protocol, TypeAlias

from agent.errors import Problem, Reason
from agent.planning.listen_address import ListenAddress

Check: TypeAlias = Callable[[], tuple[bool, str]]
"""Whether it is well, and one line to say so."""


class Exposed(Protocol):
    """What `/metrics` shows."""

    def exposition(self, *, accept: str) -> tuple[str, bytes]:
        """The content type and the text, by an `Accept` header. May be called by any thread."""
        ...


REQUEST_SECONDS = 10.0
CONNECTIONS = 32
RETRY_SECONDS = 15.0

_TICK_SECONDS = 0.5  # how long a stop may take
_TEXT = "text/plain; charset=utf-8"

_Request: TypeAlias = socket.socket | tuple[bytes, socket.socket]  # the latter is for UDP


class HttpServer:
    """Serves until stopped; `run` wants a thread of its own.

    `say` gets each problem once, when it appears; `changed` is called whenever `problems` differ.
    `listening` is set while connections are taken.
    """

    def __init__(
        self,
        *,
        address: ListenAddress,
        metrics: Exposed,
        live: Check,
        ready: Check,
        stop: threading.Event,
        say: Callable[[Problem], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.problems: tuple[Problem, ...] = ()
        """What keeps connections from being taken now."""
        self.listening = threading.Event()
        self.port = address.port
        """The port in use: the kernel's choice, once listening, where 0 was asked for."""
        self._address = address
        self._handler = _handler(_Pages(metrics=metrics, live=live, ready=ready))
        self._stop = stop
        self._say = say
        self._changed = changed

    def run(self) -> None:
        """Listen, or try to every 15 s, and answer."""
        while not self._stop.is_set():
            try:
                server = _Server(self._address, self._handler)
            except OSError as error:
                self._have(self._problem(error))
                self._stop.wait(RETRY_SECONDS)
            else:
                self._have()
                with server:
                    self._serve(server)

    def _have(self, *problems: Problem) -> None:
        if problems == self.problems:
            return
        self.problems = problems
        for problem in problems:
            self._say(problem)
        self._changed()

    def _serve(self, server: "_Server") -> None:
        self.port = server.port
        self.listening.set()
        while not self._stop.is_set():
            server.handle_request()
            server.cut_off_slow_clients()

    def _problem(self, error: OSError) -> Problem:
        return Problem(
            reason=Reason.LISTEN_FAILED,
            where=str(self._address),
            detail=error.strerror or str(error),
        )


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Not `http.server.HTTPServer`, which asks the DNS for our own name: a node may have none."""

    allow_reuse_address = True
    daemon_threads = True
    timeout = _TICK_SECONDS

    def __init__(self, address: ListenAddress, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family, _, _, _, found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self._began: dict[_Request, float] = {}
        self._lock = threading.Lock()
        super().__init__((str(found[0]), int(found[1]), *found[2:]), handler)

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self.socket.getsockname()[1])

    def process_request(self, request: _Request, client_address: object) -> None:
        """Answer in a thread, unless there are too many already."""
        with self._lock:
            accepted = len(self._began) < CONNECTIONS
            if accepted:
                self._began[request] = time.monotonic()
        if accepted:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: _Request) -> None:
        """Close, and count one less."""
        with self._lock:
            self._began.pop(request, None)
        super().shutdown_request(request)

    def cut_off_slow_clients(self) -> None:
        """Shut down what has lasted too long; its thread then ends by itself."""
        latest = time.monotonic() - REQUEST_SECONDS
        with self._lock:
            for request, began in self._began.items():
                if began < latest and isinstance(request, socket.socket):
                    with suppress(OSError):  # the client was quicker
                        request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: _Request, client_address: object) -> None:  # noqa: ARG002
        """Pass over a client that went away; anything else is a bug and ends the thread."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            raise error


class _Pages:
    """What there is to see: status, content type and body of each path."""

    def __init__(self, *, metrics: Exposed, live: Check, ready: Check) -> None:
        self._metrics = metrics
        self._checks = {"/livez": live, "/readyz": ready}

    def get(self, path: str, *, accept: str) -> tuple[HTTPStatus, str, bytes]:
        if path == "/metrics":
            return HTTPStatus.OK, *self._metrics.exposition(accept=accept)
        if path not in self._checks:
            return HTTPStatus.NOT_FOUND, _TEXT, b"/metrics /livez /readyz\n"
        well, text = self._checks[path]()
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return status, _TEXT, f"{text}\n".encode()


def _handler(pages: _Pages) -> type[BaseHTTPRequestHandler]:
    """Make the class that socketserver wants, bound to what it shows."""

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            status, kind, body = pages.get(path, accept=self.headers.get("Accept", ""))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body, compresslevel=1)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server calls it by this name

        def version_string(self) -> str:
            return "registry-node-agent"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: it would go to stderr past `logs`, and could block there."""

    return Handler
