"""CRI, the kubelet's own way to a runtime, in the few calls and fields that a test needs.

The messages are written and read by hand (they are a handful of length-delimited fields), so no
generated code has to be kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import grpc

from tests.ground.closing import Closing

_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 100),
    ("grpc.enable_http_proxy", 0),
)
_BYTES = 2  # the wire type of strings and nested messages


@dataclass(frozen=True, kw_only=True)
class Pull:
    """How one pull ended: the runtime's own words if it failed, and how long it took."""

    ok: bool
    error: str
    seconds: float


class Cri(Closing):
    """The image and runtime services behind one socket."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.insecure_channel(f"unix:{socket}", options=_OPTIONS)

    def close(self) -> None:
        self._channel.close()

    def version(self, *, timeout: float) -> str:
        """The runtime's version; waits for the socket to be served."""
        answer = self._call("RuntimeService/Version", b"", timeout=timeout)
        return next(value.decode() for number, value in _fields(answer) if number == 3)

    def pull(self, image: str, *, timeout: float, secret: tuple[str, str] | None = None) -> Pull:
        """A pull; with a `secret` as the kubelet hands it over from a pod's pull secret."""
        request = _nested(_string(image))
        if secret:
            name, password = secret
            request += _nested(_string(name) + _nested(password.encode(), number=2), number=2)
        started = monotonic()
        try:
            self._call("ImageService/PullImage", request, timeout=timeout)
        except grpc.RpcError as refusal:
            error = f"{refusal.code().name}: {refusal.details()}"
            return Pull(ok=False, error=error, seconds=monotonic() - started)
        return Pull(ok=True, error="", seconds=monotonic() - started)

    def remove(self, image: str) -> None:
        """Forget an image; one that is not there is no trouble."""
        self._call("ImageService/RemoveImage", _nested(_string(image)), timeout=30)

    def images(self) -> tuple[str, ...]:
        """Every tag and digest by which the runtime knows an image."""
        answer = self._call("ImageService/ListImages", b"", timeout=30)
        names = [
            value.decode()
            for _, image in _fields(answer)
            for number, value in _fields(image)
            if number in {2, 3}
        ]
        return tuple(sorted(names))

    def _call(self, method: str, request: bytes, *, timeout: float) -> bytes:
        call = self._channel.unary_unary(
            f"/runtime.v1.{method}", request_serializer=_as_is, response_deserializer=_as_is
        )
        answer: bytes = call(request, timeout=timeout, wait_for_ready=True)
        return answer


def _as_is(message: bytes) -> bytes:
    return message


def _string(text: str) -> bytes:
    return _nested(text.encode())


def _nested(content: bytes, *, number: int = 1) -> bytes:
    """A field, length-delimited: a string, or a message as bytes."""
    return bytes([number << 3 | _BYTES]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message; numbers are passed over."""
    at = 0

    def take_varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while at < len(message):
        key = take_varint()
        if key & 7 == _BYTES:
            size = take_varint()
            yield key >> 3, message[at : at + size]
            at += size
        else:
            take_varint()
