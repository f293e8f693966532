"""A layer of any size, put on top of an image's layout without ever being held in memory.

It is a tar of one file that nothing compresses, and is not compressed: what is pushed, kept and
pulled is as large as what is unpacked.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MIB = 1024 * 1024


def add_layer(layout: Path, *, mib: int) -> str:
    """Let the layout's one image have that layer too; the layer's digest."""
    index = json.loads((layout / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads(_blob(layout, entry["digest"]).read_text())
    config = json.loads(_blob(layout, manifest["config"]["digest"]).read_text())
    layer = _put(layout, _tar(mib))
    config["rootfs"]["diff_ids"].append(layer["digest"])
    manifest["layers"].append({"mediaType": _LAYER, **layer})
    manifest["config"] |= _put_json(layout, config)
    entry |= _put_json(layout, manifest)
    (layout / "index.json").write_text(json.dumps(index))
    return str(layer["digest"])


def _tar(mib: int) -> Iterator[bytes]:
    """The bytes of the archive: a header, the file, and the two empty blocks of the end."""
    header = tarfile.TarInfo("large")
    header.size = mib * _MIB
    yield header.tobuf()
    block = os.urandom(_MIB)
    for _ in range(mib):
        yield block
    yield bytes(2 * tarfile.BLOCKSIZE)


def _put_json(layout: Path, content: dict[str, Any]) -> dict[str, Any]:
    return _put(layout, io.BytesIO(json.dumps(content).encode()))


def _put(layout: Path, parts: Iterator[bytes] | io.BytesIO) -> dict[str, Any]:
    """Write a blob; its digest and size, as a descriptor has them."""
    digest, size = hashlib.sha256(), 0
    half_made = layout / "blobs/half-made"
    with half_made.open("wb") as file:
        for part in parts:
            file.write(part)
            digest.update(part)
            size += len(part)
    name = f"sha256:{digest.hexdigest()}"
    half_made.rename(_blob(layout, name))
    return {"digest": name, "size": size}


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")
