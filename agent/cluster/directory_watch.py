"""Wakes the loop when a file in one of some directories may have changed.

Level-triggered: an event says only that it is worth looking again. The kernel tells (inotify);
a directory that is not there yet, or was replaced, is looked for at every tick, and every time one
is found the loop is woken after the watch stands, so nothing falls between. Where the kernel has no
instance left (fs.inotify.max_user_instances is 128 for all programs of a user) it compares what
`stat` says instead. Changes made on another machine (NFS), or behind a link to a file that stands
in no watched directory, are seen only by the loop's own interval.
"""

import os
import stat
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from inotify_simple import INotify, flags  # type: ignore[import-untyped]

from agent.plain_file import Signature, signature_of

TICK_SECONDS = 0.5  # how long a stop may take, and to notice that a directory was replaced
POLL_SECONDS = 2.0

_MASK = (
    flags.CLOSE_WRITE
    | flags.MOVED_TO
    | flags.MOVED_FROM
    | flags.CREATE
    | flags.DELETE
    | flags.ONLYDIR
)
_MOUNTED = "..data"  # the link that the kubelet renames when a mounted ConfigMap changes

_Identity: TypeAlias = tuple[int, int]
_State: TypeAlias = Mapping[Path, Mapping[str, Signature] | None]


class DirectoryWatch:
    """Sets `wake`; run it in a thread of its own, it returns soon after `stop` is set.

    `say` gets one sentence when watching falls back to comparing.
    """

    def __init__(
        self,
        *,
        directories: Iterable[Path],
        wake: threading.Event,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._directories = tuple(directories)
        self._wake = wake
        self._stop = stop
        self._say = say

    def run(self) -> None:
        """Watch until stopped."""
        try:
            with INotify() as inotify:
                self._watch(inotify)
        except OSError as error:
            self._say(
                f"inotify is not to be had ({error.strerror}): "
                f"looking every {POLL_SECONDS:g} s instead"
            )
            self._compare()

    def _watch(self, inotify: INotify) -> None:
        """Raise OSError when the kernel has no watch left."""
        watches = _Watches(inotify)
        while not self._stop.is_set():
            for directory in self._directories:
                if watches.renew(directory):
                    self._wake.set()
            for event in inotify.read(timeout=TICK_SECONDS * 1000):
                if event.mask & flags.IGNORED:
                    watches.forget(event.wd)
                elif _matters(watches.directory(event.wd), event.name, event.mask):
                    self._wake.set()

    def _compare(self) -> None:
        before: _State | None = None
        while not self._stop.is_set():
            now = {directory: _signatures(directory) for directory in self._directories}
            if now != before:
                self._wake.set()
            before = now
            self._stop.wait(POLL_SECONDS)


class _Watches:
    """Which watch stands on which directory, and whether it is still the one at that path."""

    def __init__(self, inotify: INotify) -> None:
        self._inotify = inotify
        self._standing: dict[Path, tuple[int, _Identity]] = {}

    def directory(self, watch: int) -> Path | None:
        """Return where an event comes from; None for an overflow, or a watch given up."""
        return next((path for path, (wd, _) in self._standing.items() if wd == watch), None)

    def forget(self, watch: int) -> None:
        """Note that the kernel removed a watch: its directory is gone."""
        path = self.directory(watch)
        if path is not None:
            del self._standing[path]

    def renew(self, directory: Path) -> bool:
        """Put a watch where none stands on what is there now; say whether anything changed.

        Raises OSError when the kernel has no watch left.
        """
        identity = _identity(directory)
        watch, watched = self._standing.get(directory, (None, None))
        if identity == watched:
            return False
        if watch is not None:
            del self._standing[directory]
            with suppress(OSError):  # the kernel may have removed it already
                self._inotify.rm_watch(watch)
        if identity is not None:
            try:
                self._standing[directory] = (self._inotify.add_watch(directory, _MASK), identity)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                return watch is not None  # gone again, or not for us: the view will say so
        return True


def _matters(directory: Path | None, name: str, mask: int) -> bool:
    """Whether an event can change the view."""
    if directory is None or not name:
        return True  # an overflow: anything may have happened
    if mask & flags.CREATE and not _is_whole(directory / name):
        return False  # it is about to be written: closing it will tell
    return not name.startswith(".") or name == _MOUNTED


def _is_whole(path: Path) -> bool:
    """Whether a new file has its content from the start: a link, symbolic or hard."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1)


def _identity(directory: Path) -> _Identity | None:
    try:
        status = directory.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _signatures(directory: Path) -> dict[str, Signature] | None:
    try:
        with os.scandir(directory) as entries:
            return {
                entry.name: signature_of(entry.stat())
                for entry in entries
                if not entry.name.startswith(".") and entry.is_file()
            }
    except OSError:
        return None
