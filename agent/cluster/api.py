"""Requests to the API server: plain JSON in and out, every wait bounded, failures in two kinds.

Over the official client's `ApiClient`, without its typed models and its `Watch`: the models cost
22 MiB on every node and refuse what a newer server says; the `Watch` reconnects without back-off
and waits for ever on a dead connection.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import cast

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

from agent.cluster.api_errors import (
    ApiRefusedError,
    ApiSilentError,
    ApiUnreachableError,
    refused,
)
from agent.cluster.bounded_pool import cut
from agent.cluster.connection import Connection, NoConnectionError
from agent.cluster.lean_client import ApiException, ConfigException
from agent.cluster.objects import Document
from agent.planning.secrets import redact_words

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
MAX_BYTES = 8 * 1024 * 1024
"""Of an answer, or of one event; etcd takes 1.5 MiB for an object."""

_CHUNK_BYTES = 64 * 1024
_UNAUTHORIZED = 401
_SUCCESS = range(200, 300)

Query = Mapping[str, str]


class Stream:
    """The events of one watch, as they come."""

    def __init__(self, response: BaseHTTPResponse, *, max_seconds: float) -> None:
        self._response = response
        self._until = monotonic() + max_seconds

    def __iter__(self) -> Iterator[Document]:
        """Each event, until the server closes. Raises ApiError, also for an ERROR event."""
        line = bytearray()
        for chunk in _chunks(self._response, until=self._until):
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                yield _event(bytes(line + end))
                line.clear()
            line += rest
            if len(line) > MAX_BYTES:
                raise ApiUnreachableError(f"an event of more than {MAX_BYTES} bytes")
        if line:
            raise ApiUnreachableError("the connection ended in the middle of an event")

    def cut(self) -> None:
        """Let the iteration end, or raise ApiUnreachableError. May be called by any thread."""
        if isinstance(connection := self._response.connection, HTTPSConnection):
            cut(connection.sock)


class Api:
    """The verbs that are needed here. Each may be called by any thread, and raises ApiError.

    `read_seconds` is the longest silence in an answer, and about what it may take in all.
    """

    def __init__(self, connection: Connection, *, read_seconds: float = READ_SECONDS) -> None:
        self._connection = connection
        self._read_seconds = read_seconds

    @property
    def server(self) -> str:
        """The API server's URL, once it is known."""
        return self._connection.server

    def close(self) -> None:
        """End whatever waits for an answer, for good; streams too."""
        self._connection.close()

    def get(self, path: str, query: Query | None = None) -> Document:
        """GET: an object or a list."""
        return self._call("GET", path, query=query)

    def create(self, path: str, body: Document) -> Document:
        """POST: the object as it was created."""
        return self._call("POST", path, body=body)

    def patch(self, path: str, body: Document) -> Document:
        """PATCH, a JSON merge patch: the object as it is now."""
        return self._call("PATCH", path, body=body, content_type="application/merge-patch+json")

    @contextmanager
    def stream(
        self, path: str, query: Query, *, idle_seconds: float, max_seconds: float
    ) -> Iterator[Stream]:
        """GET, answered by watch events: with how long a silence, and for how long in all."""
        with self._open("GET", path, query=query, read_seconds=idle_seconds) as response:
            yield Stream(response, max_seconds=max_seconds)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Document | None = None,
        content_type: str = "application/json",
    ) -> Document:
        opened = self._open(method, path, query=query, body=body, content_type=content_type)
        with opened as response:
            return _document(_read(response, until=monotonic() + self._read_seconds))

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Document | None = None,
        content_type: str = "application/json",
        read_seconds: float | None = None,
    ) -> Iterator[BaseHTTPResponse]:
        """A success, not read yet. A token that is refused is read anew, once."""
        timeouts = (CONNECT_SECONDS, read_seconds or self._read_seconds)

        def send() -> BaseHTTPResponse:
            with _failures():
                client = self._connection.client()
                with _unsendable():
                    request = client.param_serialize(
                        method,
                        path,
                        query_params=list((query or {}).items()),
                        header_params={"Accept": "application/json", "Content-Type": content_type},
                        body=body,
                        auth_settings=["BearerToken"],
                    )
                    answer = client.call_api(*request, _request_timeout=timeouts)
            return cast("BaseHTTPResponse", answer.response)

        response = send()
        if response.status == _UNAUTHORIZED:
            response.close()
            self._connection.renew()
            response = send()
        try:
            if response.status not in _SUCCESS:
                raise _refusal(response, until=monotonic() + self._read_seconds)
            yield response
        finally:
            response.close()  # one that was read to its end is in the pool already


@contextmanager
def _failures() -> Iterator[None]:
    """What the client raises for a connection that fails, as ours."""
    try:
        yield
    except ApiException as error:  # of TLS: the kind and the words, in two lines
        raise ApiUnreachableError(_words(error.reason)) from error
    except ReadTimeoutError as error:
        raise ApiSilentError(_words(error)) from error
    except (NoConnectionError, ConfigException, HTTPError, OSError) as error:
        raise ApiUnreachableError(_words(error)) from error


def _words(said: object) -> str:
    """In one line, without the user that an address of a proxy may name."""
    return redact_words(" ".join(str(said).split()))


@contextmanager
def _unsendable() -> Iterator[None]:
    """What the client raises for a request that cannot be put in words; its own may be secret."""
    try:
        yield
    except (HTTPError, OSError):  # of which some are ValueErrors too
        raise
    except ValueError:
        raise ApiUnreachableError("the request cannot be sent: its address or a header") from None


def _chunks(response: BaseHTTPResponse, *, until: float) -> Iterator[bytes]:
    """The body as it comes, until the monotonic time `until`."""
    while True:
        with _failures():
            chunk = response.read1(_CHUNK_BYTES)
        if not chunk:
            return
        yield chunk
        if monotonic() > until:
            raise ApiUnreachableError("an answer that does not come to its end")


def _read(response: BaseHTTPResponse, *, until: float) -> bytes:
    content = bytearray()
    for chunk in _chunks(response, until=until):
        content += chunk
        if len(content) > MAX_BYTES:
            raise ApiUnreachableError(f"an answer of more than {MAX_BYTES} bytes")
    return bytes(content)


def _event(line: bytes) -> Document:
    event = _document(line)
    if event.get("type") == "ERROR":
        status = event.get("object")
        raise refused(cast("Document", status) if isinstance(status, Mapping) else {})
    return event


def _document(content: bytes) -> Document:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ApiUnreachableError(f"an answer that is not JSON: {content[:40]!r}") from error
    if not isinstance(value, Mapping):
        raise ApiUnreachableError(f"an answer that is no object: {content[:40]!r}")
    return cast("Document", value)


def _refusal(response: BaseHTTPResponse, *, until: float) -> ApiRefusedError:
    try:
        status = _document(_read(response, until=until))
    except ApiUnreachableError:
        status = {}  # from something in between that is no API server
    return refused(
        {"reason": response.reason or "", **status, "code": response.status},
        retry_after=response.headers.get("Retry-After", ""),
    )
