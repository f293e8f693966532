"""The child process that speaks CRI: one JSON request on stdin, one JSON answer on stdout.

grpcio costs 21 MiB and two dozen threads' worth of machinery; it is imported here, for as long as
one call takes, and nowhere else. The messages are written by hand, because the five used have one
or two string fields each, while the generated API costs another 3.4 MiB, 60 ms and a dependency
on protobuf (measured: grpcio 1.85.1, container-runtime-interface-api 2.0.1).

Source of names and field numbers: kubernetes/cri-api, pkg/apis/runtime/v1/api.proto.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import grpc

    Call: TypeAlias = grpc.CallFuture[bytes]

NO_GRPC = 3
SILENT = "SILENT"
"""What stands for a status where the runtime did not even tell its version in time."""
VERSION_SECONDS = 5.0  # it is a constant to the runtime: one that takes longer hangs
LENGTH_DELIMITED = 2
VARINT = 0

OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.default_authority", "localhost"),  # else it is the socket's path, which grpc-go refuses
)


def main() -> int:
    """Answer `version` or `pull`. Exit status NO_GRPC says that grpcio is not installed."""
    request = json.load(sys.stdin)
    try:
        import grpc  # noqa: PLC0415 - its absence is an answer, not a crash
    except ImportError:
        return NO_GRPC
    # A socket's path may be longer than the 107 bytes that AF_UNIX takes: name it from its folder.
    folder, name = os.path.split(request["socket"])
    try:
        os.chdir(folder)
    except OSError as error:
        answer = _answer("UNAVAILABLE", str(error))
        json.dump([answer] * len(request.get("images", [""])), sys.stdout)
        return 0
    with grpc.insecure_channel(f"unix:{name}", options=OPTIONS) as channel:
        seconds = request["timeout_seconds"]
        if "images" in request:
            answers = pull(channel, request["images"], seconds)
        else:
            answers = [version(channel, seconds)]
    json.dump(answers, sys.stdout)
    return 0


def version(channel: "grpc.Channel", seconds: float) -> dict[str, str]:
    """Ask for the runtime's name and version: VersionResponse fields 2 and 3."""
    limit = min(seconds, VERSION_SECONDS)
    status, words, body = _wait(_call(channel, "RuntimeService/Version", b"", limit))
    if status == "DEADLINE_EXCEEDED":
        return _answer(SILENT, f"it did not tell its version within {limit:g} s: {words}")
    found = dict(fields(body))
    return _answer(status, words) | {
        "name": found.get(2, b"").decode(errors="replace"),
        "version": found.get(3, b"").decode(errors="replace"),
    }


def pull(channel: "grpc.Channel", images: Sequence[str], seconds: float) -> list[dict[str, str]]:
    """Let the runtime pull all images at once, so that one slow host delays no other.

    The version comes first: it tells a runtime that hangs from a pull that does.
    """
    told = version(channel, seconds)
    if told["code"] != "OK":
        return [told] * len(images)
    calls = [
        _call(channel, "ImageService/PullImage", _image_request(image), seconds) for image in images
    ]
    answers = []
    for image, call in zip(images, calls, strict=True):
        status, words, _ = _wait(call)
        if status == "OK":
            forget(channel, image, seconds)
        answers.append(_answer(status, words))
    return answers


def forget(channel: "grpc.Channel", image: str, seconds: float) -> None:
    """Remove an image that was not expected to exist, unless it has other names.

    RemoveImage removes every name of an image, and so also what a Pod uses, if somebody pushed
    the same content under our tag (containerd, internal/cri/server/images/image_remove.go).
    """
    request = _image_request(image)
    status, _, body = _wait(_call(channel, "ImageService/ImageStatus", request, seconds))
    found = dict(fields(body))
    names = [
        value.decode(errors="replace")
        for number, value in fields(found.get(1, b""))
        if number in (2, 3)
    ]
    repository = image.partition("/")[2].rpartition(":")[0]
    ours = all(
        name.partition("/")[2].startswith((f"{repository}:", f"{repository}@")) for name in names
    )
    if status == "OK" and names and ours:
        _wait(_call(channel, "ImageService/RemoveImage", request, seconds))


def text_field(number: int, value: bytes) -> bytes:
    """Encode one length-delimited field."""
    return _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(value)) + value


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Decode the length-delimited fields of a message, skipping numbers.

    Raises ValueError for the wire types that no message we read has.
    """
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        if key & 0b111 == LENGTH_DELIMITED:
            yield key >> 3, message[at : at + value]
            at += value
        elif key & 0b111 != VARINT:
            raise ValueError(f"unexpected wire type {key & 0b111}")


def _varint(number: int) -> bytes:
    """Seven bits to a byte, the lowest first; the eighth says that more follow."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    byte, at = message[at], at + 1
    if byte < 0x80:  # noqa: PLR2004 - the bit that says more follow
        return byte, at
    rest, at = _read_varint(message, at)
    return byte & 0x7F | rest << 7, at


def _image_request(image: str) -> bytes:
    """Encode what PullImage, ImageStatus and RemoveImage all take: {1: ImageSpec {1: image}}."""
    return text_field(1, text_field(1, image.encode()))


def _call(channel: "grpc.Channel", method: str, request: bytes, seconds: float) -> "Call":
    return channel.unary_unary(f"/runtime.v1.{method}", None, None).future(request, timeout=seconds)


def _wait(call: "Call") -> tuple[str, str, bytes]:
    """Wait for a call's status name, its words, and its body."""
    status = call.code().name
    return status, call.details() or "", call.result() if status == "OK" else b""


def _answer(status: str, words: str) -> dict[str, str]:
    return {"code": status, "words": words}


if __name__ == "__main__":
    sys.exit(main())
