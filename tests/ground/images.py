"""Tiny images, made here: pushed by the registry's own HTTP API, or saved for `ctr import`."""

import gzip
import http.client
import io
import json
import platform
import socket
import tarfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_NAME = "io.containerd.image.name"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Bytes with a media type, named by their digest."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{sha256(self.content).hexdigest()}"

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


@dataclass(frozen=True, kw_only=True)
class Image:
    """Layers, and the command that a container of it runs."""

    layers: tuple[bytes, ...]
    command: tuple[str, ...]

    @property
    def config(self) -> Blob:
        machine = platform.machine()
        content = {
            "architecture": _ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {"Entrypoint": list(self.command)},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{sha256(layer).hexdigest()}" for layer in self.layers],
            },
        }
        return Blob(media_type=_CONFIG, content=json.dumps(content).encode())

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """All that the manifest names."""
        compressed = (gzip.compress(layer, mtime=0) for layer in self.layers)
        return self.config, *(Blob(media_type=_LAYER, content=layer) for layer in compressed)

    @property
    def manifest(self) -> Blob:
        config, *layers = (blob.descriptor for blob in self.blobs)
        content = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": config,
            "layers": layers,
        }
        return Blob(media_type=_MANIFEST, content=json.dumps(content).encode())


def text_image(text: str) -> Image:
    """Two small layers, the first with `text` in it; nothing that could run."""
    layers = (_layer("hello.txt", text.encode()), _layer("etc/made-by", b"test ground\n"))
    return Image(layers=layers, command=("/hello",))


def program_image(program: Path, *arguments: str) -> Image:
    """One static program, run with these arguments."""
    layer = _layer(program.name, program.read_bytes(), mode=0o755)
    return Image(layers=(layer,), command=(f"/{program.name}", *arguments))


def tree_image(tree: Path) -> Image:
    """A whole directory tree of Debian packages, with the links that Debian has at its root."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(tree, arcname=".", filter=_of_root)
        for name in ("bin", "lib", "lib64", "sbin"):
            if not (tree / name).exists():
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
                tar.addfile(link)
    return Image(layers=(archive.getvalue(),), command=())


def push(*, backend: Path, repository: str, tag: str, image: Image) -> str:
    """Push an image and return its digest."""
    manifest = image.manifest
    connection = SocketConnection(backend)
    try:
        for blob in image.blobs:
            _upload(connection, repository, blob)
        path = f"/v2/{repository}/manifests/{tag}"
        _ask(connection, "PUT", path, body=manifest.content, content_type=_MANIFEST)
    finally:
        connection.close()
    return manifest.digest


def save(image: Image, archive: Path, *, name: str) -> None:
    """Write it as an OCI archive, which containerd imports under that name."""
    manifest = image.manifest
    index = {
        "schemaVersion": 2,
        "manifests": [manifest.descriptor | {"annotations": {_NAME: name}}],
    }
    files = {f"blobs/{blob.digest.replace(':', '/')}": blob for blob in (*image.blobs, manifest)}
    contents = {name: blob.content for name, blob in files.items()} | {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps(index).encode(),
    }
    with tarfile.open(archive, "w") as tar:
        for path, content in contents.items():
            _add(tar, path, content)


def _layer(name: str, content: bytes, *, mode: int = 0o644) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _add(tar, name, content, mode=mode)
    return archive.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    return entry


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
