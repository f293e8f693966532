"""An API server in memory: lists and watches as the real one has them, and misbehaves on order.

Over TLS and HTTP/1.1, with a thread for each connection. `misbehave` is asked first about every
request; it answers in its own way and returns true, or leaves the request to the good server.
"""

import json
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.cluster.kube_access import CERTIFICATE

Json = dict[str, Any]

KINDS = {
    "services": "Service",
    "configmaps": "ConfigMap",
    "clustertrustbundles": "ClusterTrustBundle",
}
"""Whose lists the API server names after them; here nobody looks at the names of others."""


@dataclass(frozen=True, kw_only=True)
class Event:
    version: int
    path: str
    before: Json | None
    after: Json | None


@dataclass
class Objects:
    """Every object by collection and name, and all that ever happened to them."""

    version: int = 1
    found: dict[str, dict[str, Json]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, path: str, document: Json) -> None:
        self._set(path, document["metadata"]["name"], document)

    def delete(self, path: str, name: str) -> None:
        self._set(path, name, None)

    def _set(self, path: str, name: str, document: Json | None) -> None:
        with self.changed:
            there = self.found.setdefault(path, {})
            before = there.pop(name, None)
            self.version += 1
            if document is not None:
                metadata = {
                    **document["metadata"],
                    "namespace": path.split("/")[4],
                    "resourceVersion": str(self.version),
                }
                there[name] = document = {**document, "metadata": metadata}
            self.events.append(
                Event(version=self.version, path=path, before=before, after=document)
            )
            self.changed.notify_all()


class Request(BaseHTTPRequestHandler):
    """One request, answered as the API server does."""

    protocol_version = "HTTP/1.1"
    server: "StubApiServer"

    @property
    def collection(self) -> str:
        return urlsplit(self.path).path

    @property
    def query(self) -> Mapping[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    @property
    def is_watch(self) -> bool:
        return "watch" in self.query

    def do_GET(self) -> None:
        self.server.requests.append((monotonic(), self.path))
        if self.server.misbehave(self):
            self.close_connection = True
        elif self.is_watch:
            self._watch()
        else:
            self._list()

    def say(self, data: bytes) -> None:
        """Raw bytes."""
        self.wfile.write(data)
        self.wfile.flush()

    def begin_stream(self) -> None:
        self.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def say_chunk(self, data: bytes) -> None:
        self.say(b"%x\r\n%s\r\n" % (len(data), data))

    def say_event(self, kind: str, document: Json) -> None:
        self.say_chunk(json.dumps({"type": kind, "object": document}).encode() + b"\n")

    def wait(self, seconds: float) -> None:
        self.server.closing.wait(seconds)

    def await_end(self) -> None:
        """Wait until the client has gone."""
        while not self.server.closing.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _selects(self, document: Json | None) -> bool:
        if document is None:
            return False
        metadata = document["metadata"]
        label = self.query.get("labelSelector")
        field, _, name = self.query.get("fieldSelector", "").partition("=")
        return (label is None or label in metadata.get("labels", {})) and (
            not field or name == metadata["name"]
        )

    def _list(self) -> None:
        objects = self.server.objects
        with objects.changed:
            items = [d for d in objects.found.get(self.collection, {}).values() if self._selects(d)]
            version = str(objects.version)
        kind = KINDS.get(self.collection.rpartition("/")[-1], "")
        document = {
            "kind": f"{kind}List",
            "metadata": {"resourceVersion": version},
            "items": items,
        }
        body = json.dumps(document).encode()
        self.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def _watch(self) -> None:
        objects = self.server.objects
        version = int(self.query["resourceVersion"])
        until = monotonic() + float(self.query["timeoutSeconds"])
        self.begin_stream()
        while not self.server.closing.is_set() and (left := until - monotonic()) > 0:
            with objects.changed:
                fresh = [event for event in objects.events if event.version > version]
                if not fresh:
                    objects.changed.wait(min(left, self.server.bookmark_seconds))
            for event in fresh:
                version = event.version
                if event.path == self.collection:
                    self._tell(event)
            if not fresh:
                self.say_event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})
        self.say_chunk(b"")

    def _tell(self, event: Event) -> None:
        """As this selection sees it: an object that left it is deleted."""
        if event.after is not None and self._selects(event.after):
            self.say_event("MODIFIED" if self._selects(event.before) else "ADDED", event.after)
        elif event.before is not None and self._selects(event.before):
            self.say_event("DELETED", event.before)


class StubApiServer(ThreadingHTTPServer):
    """Use as a context. `requests` are the time and the path of each."""

    daemon_threads = True
    misbehave: Callable[[Request], bool]

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.port: int = self.server_address[1]
        self.objects = Objects()
        self.requests: list[tuple[float, str]] = []
        self._open: set[socket.socket] = set()
        self.closing = threading.Event()
        self.bookmark_seconds = 0.1
        self.behave()
        pem = directory / "server.pem"
        pem.write_text(CERTIFICATE.chain_pem + CERTIFICATE.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.context = context

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    def cut_connections(self) -> None:
        """All that are open, as a restart does."""
        for connection in tuple(self._open):
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def behave(self) -> None:
        """Well, from now on."""
        self.misbehave = lambda _: False

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the thread of the connection; the handshake too."""
        with suppress(OSError), self.context.wrap_socket(request, server_side=True) as secure:
            self._open.add(secure)
            try:
                self.RequestHandlerClass(secure, client_address, self)
            finally:
                self._open.discard(secure)

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away


@contextmanager
def stub_api_server(directory: Path) -> Iterator[StubApiServer]:
    with StubApiServer(directory) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            with server.objects.changed:
                server.objects.changed.notify_all()
            server.shutdown()
            thread.join()
