"""A tiny image, made here, and pushed by the registry's own HTTP API; no builder is needed."""

import gzip
import hashlib
import http.client
import io
import json
import platform
import socket
import tarfile
from dataclasses import dataclass
from pathlib import Path

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Bytes with a media type, named by their digest."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def descriptor(self) -> dict[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system, which reaches into a node from outside."""

    def __init__(self, path: Path) -> None:
        super().__init__("registry", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def push(*, backend: Path, repository: str, tag: str, text: str) -> str:
    """Push an image of two small layers, the first with `text` in it; return its digest."""
    layers = [_layer("hello.txt", text.encode()), _layer("etc/made-by", b"test ground\n")]
    config = _config(layers)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": config.descriptor,
        "layers": [_compressed(layer).descriptor for layer in layers],
    }
    connection = SocketConnection(backend)
    try:
        for blob in (config, *map(_compressed, layers)):
            _upload(connection, repository, blob)
        whole = Blob(media_type=_MANIFEST, content=json.dumps(manifest).encode())
        path = f"/v2/{repository}/manifests/{tag}"
        _ask(connection, "PUT", path, body=whole.content, content_type=_MANIFEST)
    finally:
        connection.close()
    return whole.digest


def _layer(name: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def _compressed(layer: bytes) -> Blob:
    return Blob(media_type=_LAYER, content=gzip.compress(layer, mtime=0))


def _config(layers: list[bytes]) -> Blob:
    machine = platform.machine()
    content = {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {"Cmd": ["/hello"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers],
        },
    }
    return Blob(media_type=_CONFIG, content=json.dumps(content).encode())


def _upload(connection: SocketConnection, repository: str, blob: Blob) -> None:
    location = _ask(connection, "POST", f"/v2/{repository}/blobs/uploads/")
    joint = "&" if "?" in location else "?"
    path = f"{location}{joint}digest={blob.digest}"
    _ask(connection, "PUT", path, body=blob.content, content_type="application/octet-stream")


def _ask(
    connection: SocketConnection,
    method: str,
    path: str,
    *,
    body: bytes = b"",
    content_type: str = "",
) -> str:
    headers = {"Content-Type": content_type} if content_type else {}
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status not in {201, 202}:
        raise OSError(f"registry: {method} {path}: {answer.status} {said.decode()}")
    return answer.headers.get("Location", "")
