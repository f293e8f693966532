"""When a reader of the node's files first sees a new one: the kernel tells, at each rename.

A file is renamed over its old self only after its bytes were made durable, so this is the moment
from which every pull, and every reader after a crash, has either the old bytes or the new ones.
"""

from collections.abc import Iterable
from pathlib import Path
from time import monotonic

from inotify_simple import INotify, flags  # type: ignore[import-untyped]

from tests.ground.closing import Closing
from tests.ground.namespaces import NodeTroubleError


class Arrivals(Closing):
    """Renames of one file name into some directories, from now on."""

    def __init__(self, *, directories: Iterable[Path], name: str) -> None:
        self._name = name
        self._inotify = INotify()
        self._directories = {
            self._inotify.add_watch(directory, flags.MOVED_TO): directory
            for directory in directories
        }

    def close(self) -> None:
        self._inotify.close()

    def await_all(self, *, seconds: float = 20.0) -> float:
        """The monotonic time at which the last directory had its new file."""
        return self.moments(seconds=seconds)[-1]

    def moments(self, *, seconds: float) -> list[float]:
        """The monotonic time for each directory at which it had its new file, in order."""
        missing = set(self._directories)
        deadline = monotonic() + seconds
        found = []
        while missing:
            left = deadline - monotonic()
            if left <= 0:
                place = self._directories[missing.pop()]
                raise NodeTroubleError(f"no new {self._name} in {place} within {seconds:g} s")
            for event in self._inotify.read(timeout=left * 1000):
                if event.name == self._name and event.wd in missing:
                    missing.discard(event.wd)
                    found.append(monotonic())
        return found
