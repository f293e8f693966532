"""One try at a server: connect, TLS, one GET, all under one deadline.

A timeout per read is no bound: a server that sends one byte a second would hold the loop for
hours. So every operation gets what is left of the whole. Whatever goes wrong is one
`BlockedError` with a reason; proxies of the environment are never used.
"""

import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass
from typing import cast

from agent.errors import Reason
from agent.node.tls_trust import VerifyCode, client_context, reason_of
from agent.planning.evidence import ProbeStep

USER_AGENT = "registry-node-agent"


class BlockedError(Exception):
    """The way ended here: at which step, for which reason, in which words."""

    def __init__(self, step: ProbeStep, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.step = step
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A server: the name its certificate must carry, and the addresses to find it at.

    `name` is an address without brackets, or a DNS name; `authority` is what `Host` says.
    """

    name: str
    port: int
    addresses: tuple[str, ...]
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: the status, and each `WWW-Authenticate` header. No body is ever read."""

    status: int
    challenges: tuple[str, ...]


class Attempt:
    """The deadline, and what can be done before it."""

    def __init__(self, *, connect_seconds: float, total_seconds: float) -> None:
        self._connect_seconds = connect_seconds
        self._ends = time.monotonic() + total_seconds

    def remaining(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for one attempt is over")
        return left

    def connect(self, site: Site) -> socket.socket:
        """Open TCP to the first address that takes it. Raises BlockedError."""
        refusal: OSError = OSError("no address")
        for address in site.addresses:
            try:
                seconds = min(self._connect_seconds, self.remaining())
                return socket.create_connection((address, site.port), timeout=seconds)
            except OSError as error:
                refusal = error
        raise BlockedError(ProbeStep.TCP, _tcp_reason(refusal), f"connect: {refusal}") from refusal

    def secure(
        self, site: Site, ders: tuple[bytes, ...], roots: tuple[bytes, ...] = ()
    ) -> ssl.SSLSocket:
        """Open TLS, trusting `ders` and `roots` and nothing else. Raises BlockedError."""
        try:
            return self._handshake(site, client_context(ders + roots))
        except ssl.SSLCertVerificationError as error:
            if error.verify_code == VerifyCode.CERT_SIGNATURE_FAILURE:
                # Two anchors of one name, and no key identifiers: OpenSSL settles on the first by
                # name and never looks at the other, Go tries both.
                for der in ders:
                    try:
                        return self._handshake(site, client_context((der, *roots)))
                    except OSError:
                        continue
            detail = f"certificate of {site.name}: {error.verify_message}"
            if error.verify_code == VerifyCode.IP_ADDRESS_MISMATCH:
                names = self._names(site, ders + roots)
                detail = f"the certificate is not valid for {site.name}; it names {names}"
            raise BlockedError(ProbeStep.TLS, reason_of(error), detail) from error
        except TimeoutError as error:
            detail = "no end of the TLS handshake in time"
            raise BlockedError(ProbeStep.TLS, Reason.TIMEOUT, detail) from error
        except OSError as error:
            detail = f"TLS handshake: {_words(error)}"
            raise BlockedError(ProbeStep.TLS, Reason.TLS_FAILED, detail) from error

    def get(self, connection: socket.socket, site: Site, path: str) -> Answer:
        """Send `GET path` over the connection. Raises BlockedError."""
        client = http.client.HTTPConnection(site.name, site.port)
        client.sock = cast("socket.socket", Bounded(connection, self))
        headers = {"Host": site.authority, "User-Agent": USER_AGENT, "Connection": "close"}
        try:
            client.request("GET", path, headers=headers)
            with client.getresponse() as response:
                challenges = tuple(response.headers.get_all("WWW-Authenticate", ()))
                return Answer(status=response.status, challenges=challenges)
        except TimeoutError as error:
            detail = f"no answer to GET {path} in time"
            raise BlockedError(ProbeStep.API, Reason.TIMEOUT, detail) from error
        except ssl.SSLError as error:
            # With TLS 1.3 a server's refusal (of a missing client certificate) comes this late.
            raise BlockedError(ProbeStep.TLS, Reason.TLS_FAILED, _words(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            detail = f"GET {path}: {_words(error)}"
            raise BlockedError(ProbeStep.API, Reason.HTTP_ERROR, detail) from error

    def _handshake(self, site: Site, context: ssl.SSLContext) -> ssl.SSLSocket:
        with self.connect(site) as plain:
            plain.settimeout(self.remaining())
            return context.wrap_socket(plain, server_hostname=site.name)

    def _names(self, site: Site, ders: tuple[bytes, ...]) -> str:
        """Ask again, for the names only: `ssl` parses no certificate that it refused."""
        context = client_context(ders)
        context.check_hostname = False
        try:
            with self._handshake(site, context) as connection:
                certificate = connection.getpeercert() or {}
        except (OSError, BlockedError):
            return "others, which it did not tell when asked again"
        names = cast("tuple[tuple[str, str], ...]", certificate.get("subjectAltName", ()))
        return ", ".join(f"{kind}:{name}" for kind, name in names) or "nothing at all"


class Bounded:
    """As much of a socket as http.client uses, each operation within what is left of the time."""

    def __init__(self, connection: socket.socket, attempt: Attempt) -> None:
        self._connection = connection
        self._attempt = attempt

    def sendall(self, data: bytes) -> None:
        """Raises TimeoutError."""
        self._connection.settimeout(self._attempt.remaining())
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What is read from raises TimeoutError too."""
        return io.BufferedReader(_Reader(self._connection, self._attempt))

    def close(self) -> None:
        """Do nothing: whoever opened the connection closes it."""


class _Reader(io.RawIOBase):
    def __init__(self, connection: socket.socket, attempt: Attempt) -> None:
        self._connection = connection
        self._attempt = attempt

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._connection.settimeout(self._attempt.remaining())
        return self._connection.recv_into(buffer)


def _tcp_reason(error: OSError) -> Reason:
    match error:
        case ConnectionRefusedError():
            return Reason.CONNECTION_REFUSED
        case TimeoutError():
            return Reason.TIMEOUT
        case _:
            return Reason.UNREACHABLE


def _words(error: Exception) -> str:
    """Repeat what the library says, without its source lines."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return str(error) or type(error).__name__
