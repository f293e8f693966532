"""Real servers on loopback, each with one kind of behaviour, for as long as a `with` block."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from tempfile import NamedTemporaryFile

from agent.planning.model import Endpoint, Route
from tests.ground.certificates import Authority, Certificate

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Speak = Callable[[socket.socket], None]


def der(ca: Authority) -> bytes:
    """The CA's certificate as a route has it."""
    return ssl.PEM_cert_to_DER_cert(ca.pem)


def status(line: str, *headers: str) -> bytes:
    """A whole response without a body."""
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "", ""]).encode()


class Server:
    """Accepts on a port of its own and lets `speak` talk, over TLS when there is a certificate.

    `requests` are the heads it was sent, `server_names` the SNI of each TLS handshake.
    """

    def __init__(self, speak: Speak | bytes, certificate: Certificate | None, address: str) -> None:
        self.requests: list[str] = []
        self.server_names: list[str | None] = []
        self.connections = 0
        self.closing = threading.Event()
        self.speak = self.answer_with(speak) if isinstance(speak, bytes) else speak
        self.context = self._tls(certificate) if certificate else None
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family)
        self.address = address
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def route(self, *trusted: Authority | bytes) -> Route:
        """The route to this server, trusting these CAs."""
        ders = tuple(ca if isinstance(ca, bytes) else der(ca) for ca in trusted)
        endpoint = Endpoint(address=ip_address(self.address), port=self.port)
        return Route(endpoint=endpoint, ders=ders)

    def close(self) -> None:
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def drip(self, data: bytes, *, seconds_per_byte: float) -> Speak:
        """Answer a byte at a time."""

        def speak(connection: socket.socket) -> None:
            connection.recv(65536)
            for byte in data:
                connection.sendall(bytes([byte]))
                if self.closing.wait(seconds_per_byte):
                    return

        return speak

    def hold(self, _connection: socket.socket) -> None:
        """Say nothing until the server is closed."""
        self.closing.wait()

    def _tls(self, certificate: Certificate) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with NamedTemporaryFile("w") as pem:
            pem.write(certificate.chain_pem + certificate.key_pem)
            pem.flush()
            context.load_cert_chain(pem.name)
        context.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        return context

    def answer_with(self, response: bytes) -> Speak:
        def speak(connection: socket.socket) -> None:
            if request := connection.recv(65536):
                self.requests.append(request.decode(errors="replace"))
                connection.sendall(response)

        return speak

    def _serve(self) -> None:
        talks = []
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                talks.append(threading.Thread(target=self._talk, args=(connection,)))
                talks[-1].start()
        for talk in talks:
            talk.join()

    def _talk(self, plain: socket.socket) -> None:
        with suppress(OSError), plain:
            if self.context is None:
                self.speak(plain)
                return
            with self.context.wrap_socket(plain, server_side=True) as connection:
                self.speak(connection)


@contextmanager
def serving(
    speak: Speak | bytes = OK, *, certificate: Certificate | None = None, address: str = "127.0.0.1"
) -> Iterator[Server]:
    """A server for the length of the block."""
    server = Server(speak, certificate, address)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def dropping() -> Iterator[Route]:
    """An endpoint that drops packets: its queue of connections is full, so Linux ignores a SYN."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address, port = listener.getsockname()
        with socket.create_connection((address, port)):
            yield Route(endpoint=Endpoint(address=ip_address(address), port=port), ders=())
