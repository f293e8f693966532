"""An image as its archive holds it: what would be run, and every file that would be there."""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ImageArchive:
    """An archive in the form that docker, podman and buildah share."""

    path: Path
    names: tuple[str, ...]
    config: dict[str, Any]
    layers: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "ImageArchive":
        with tarfile.open(path) as archive:
            (image,) = _load(archive, "manifest.json")
            config = _load(archive, image["Config"])
        return cls(
            path=path,
            names=tuple(image["RepoTags"]),
            config=config,
            layers=tuple(image["Layers"]),
        )

    def unpack(self, place: Path) -> None:
        """Every layer over the one before, as a runtime does. No layer here takes files away."""
        with tarfile.open(self.path) as archive:
            for name in self.layers:
                with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                    layer.extractall(place, filter="fully_trusted")  # noqa: S202 - built here


def _load(archive: tarfile.TarFile, name: str) -> Any:
    file = archive.extractfile(name)
    assert file is not None
    return json.load(file)
