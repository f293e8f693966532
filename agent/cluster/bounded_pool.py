"""The pool's connections, with what neither the pool nor the client has: an end to every wait.

A socket's timeout is for one silence: a server that sends a byte of a header now and then would
keep a thread for ever. And a thread that waits for the next event has to end when it shall.
"""

import socket
import threading
from contextlib import suppress

from urllib3 import HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPSConnection

_SLACK_SECONDS = 1.0  # so that mere silence is told as such, by the socket's own timeout


class OpenSockets:
    """The sockets of one connection pool. Every method may be called by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._over = False

    def add(self, opened: socket.socket) -> None:
        """One is open; it is cut at once when all are."""
        with self._lock:
            self._sockets.add(opened)
            over = self._over
        if over:
            cut(opened)

    def discard(self, closed: socket.socket) -> None:
        """One is closed."""
        with self._lock:
            self._sockets.discard(closed)

    def cut_all(self) -> None:
        """End whatever reads from any of them, and from those that would be opened."""
        with self._lock:
            self._over = True
            sockets = tuple(self._sockets)
        for opened in sockets:
            cut(opened)


def bounded_pool(sockets: OpenSockets) -> type[HTTPSConnectionPool]:
    """The class of pools whose connections wait for headers as long as for one read, in all."""

    class Connection(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

        def close(self) -> None:
            if self.sock is not None:
                sockets.discard(self.sock)
            super().close()

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
            seconds = (self.timeout or 0.0) + _SLACK_SECONDS
            timer = threading.Timer(seconds, cut, (self.sock,))
            timer.daemon = True
            timer.start()
            try:
                return super().getresponse()
            finally:
                timer.cancel()

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool


def cut(opened: socket.socket | None) -> None:
    """Let a read that is under way end: of the plain socket, for TLS would forget its state.

    None is what a connection has that another thread has closed meanwhile.
    """
    if opened is None:
        return
    with suppress(OSError):  # it is closed
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
