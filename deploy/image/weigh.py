"""Say what the image weighs: on a node's disk, and on the way to it."""

import gzip
import json
import sys
import tarfile
import zlib
from pathlib import Path

MIB = 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"


def main() -> None:
    """Print it for the archive of the one argument, as docker, podman and buildah write it."""
    with tarfile.open(sys.argv[1]) as archive:
        (image,) = json.loads(_read(archive, "manifest.json"))
        machine = json.loads(_read(archive, image["Config"]))["architecture"]
        layers = [_weigh(_read(archive, name)) for name in image["Layers"]]
    unpacked, packed = (sum(sizes) / MIB for sizes in zip(*layers, strict=True))
    each = " + ".join(f"{size / MIB:.1f}" for size, _ in layers)
    name = ", ".join(image["RepoTags"])
    sys.stdout.write(
        f"{name} for {machine}: {unpacked:.1f} MiB on disk (layers: {each}), "
        f"{packed:.1f} MiB to pull; {Path(sys.argv[1])}\n"
    )


def _weigh(layer: bytes) -> tuple[int, int]:
    """Bytes as a runtime unpacks them, and as a registry sends them."""
    if layer.startswith(GZIP_MAGIC):
        return len(gzip.decompress(layer)), len(layer)
    return len(layer), len(zlib.compress(layer))


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        sys.exit(f"{sys.argv[1]}: no file {name} in it")
    return file.read()


if __name__ == "__main__":
    main()
