"""What a kubelet does for the volume of a ConfigMap or Secret: follow it, and swap its files.

All files of a version lie in a folder of their own, and one rename puts that in the place of the
version before: whoever reads through the links sees the one or the other.
"""

import base64
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tests.ground.closing import Closing
from tests.ground.kubectl import Kubectl, Object
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.watched import Watched

Bring = Callable[[Mapping[str, str]], None]
"""Puts the files of a volume, by name, to where they are seen."""


class Volume:
    """A folder with the files of one object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._version = 0

    def write(self, content: Mapping[str, str]) -> None:
        """The object's new content: one rename, and the old version is gone at once."""
        self._version += 1
        version = self.folder / f"..version-{self._version}"
        version.mkdir(parents=True)
        for name, text in content.items():
            (version / name).write_text(text)
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        (self.folder / "..data_tmp").symlink_to(version.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")
        shutil.rmtree(self.folder / f"..version-{self._version - 1}", ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The object that a volume shows: `kind` is `secrets` or `configmaps`."""

    kind: str
    namespace: str
    name: str


class Followed(Closing):
    """A volume that is kept as its object is, some time later, for as long as it is open.

    A kubelet looks again once in a minute or so, and at once when the pod has changed (`hurry`).
    """

    def __init__(
        self,
        source: Source,
        *,
        node: Node,
        kubectl: Kubectl,
        bring: Bring,
        delay_seconds: float = 0.0,
    ) -> None:
        """Follow it by kubectl on that node, and `bring` each new content to its place."""
        self.delay_seconds = delay_seconds
        self._hurried = Event()
        self._what = f"{source.kind} {source.namespace}/{source.name}"
        self._bring = bring
        self.content: Mapping[str, str] = {}
        self._watched = Watched(
            source.kind,
            f"--namespace={source.namespace}",
            f"--field-selector=metadata.name={source.name}",
            node=node,
            kubectl=kubectl,
            tell=self._renew,
        )

    def close(self) -> None:
        """Follow no more."""
        self._hurried.set()
        self._watched.close()

    def hurry(self) -> None:
        """Bring what there is now, or comes next, without delay."""
        self._hurried.set()

    def wait_until_there(self, *, seconds: float = 60.0) -> None:
        """Until it has been brought for the first time: a pod does not start before."""
        what = f"{self._what} is on the node"
        wait_until(lambda: bool(self.content), what=what, seconds=seconds)

    def wait_for(self, key: str, text: str, *, seconds: float = 60.0) -> None:
        """Until one of its files holds exactly that."""
        what = f"{key} of {self._what} on the node is the new one"
        wait_until(lambda: self.content.get(key) == text, what=what, seconds=seconds)

    def _renew(self, found: Object) -> None:
        content = content_of(found)
        if content == self.content:
            return
        self._hurried.wait(self.delay_seconds)
        self._hurried.clear()
        self._bring(content)
        self.content = content


def content_of(found: Object) -> dict[str, str]:
    """What a ConfigMap or a Secret holds."""
    data: Mapping[str, str] = found.get("data") or {}
    if found["kind"] == "ConfigMap":
        return dict(data)
    return {name: base64.b64decode(text).decode() for name, text in data.items()}
