"""The node's directories, found as the node itself would find them, from below its mounted root.

A folder's base is walked name by name: a link is read and its target walked from the host's root,
never from the agent's own; `..` ends at that root. Linux would do that in one call, openat2 with
RESOLVE_IN_ROOT, but Python 3.11 to 3.14 have no binding for it, and the path of what is missing
is needed too. Below the base no link is followed: each name is opened without following, then
looked at.

A missing base is made like any other directory, except behind a link that leads nowhere: what is
to stand there is for the link's owner to say (a MicroK8s refresh moves `current` like that).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISLNK
from typing import NamedTuple

from agent.node.durable import opened, refusal, remove_empty
from agent.planning.model import Folder, HostPath

PUBLIC_FOLDER_MODE = 0o755
MAX_LINKS = 40  # as the kernel's own limit, path_resolution(7)

_LOOK = os.O_PATH | os.O_NOFOLLOW
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a path exists: the innermost directory (O_PATH), where it is, what is missing."""

    fd: int
    path: HostPath
    missing: tuple[str, ...]


class _Part(NamedTuple):
    """A name still to be walked, and whether it came out of a link, or stands below the base."""

    name: str
    of_link: bool = False
    below: bool = False


class HostRoot:
    """Opens directories below one host root. Every method raises OSError.

    ELOOP stands for a link that is refused, ENOTDIR for something that is no directory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def find(self, folder: Folder) -> Iterator[Place]:
        """The innermost directory that exists on the way to a folder."""
        pending = [
            *(_Part(_checked(name), below=True) for name in reversed(folder.below)),
            *(_Part(name) for name in reversed(_names(folder.base))),
        ]
        links = 0
        fds: list[int] = []
        try:
            fds.append(os.open(self._path, os.O_PATH | os.O_DIRECTORY))
            trail = [("", fds[0])]
            while pending:
                part = pending.pop()
                if part.name == "..":
                    trail = trail[:-1] or trail
                    continue
                try:
                    fd = os.open(part.name, _LOOK, dir_fd=trail[-1][1])
                except FileNotFoundError:
                    if part.of_link:
                        raise OSError(errno.ELOOP, "A link leads nowhere", part.name) from None
                    pending.append(part)
                    break
                fds.append(fd)
                mode = os.fstat(fd).st_mode
                if S_ISDIR(mode):
                    trail.append((part.name, fd))
                    continue
                if not S_ISLNK(mode):
                    raise refusal(errno.ENOTDIR, part.name)
                links += 1
                if part.below or links > MAX_LINKS:
                    raise refusal(errno.ELOOP, part.name)
                target = os.readlink("", dir_fd=fd)
                if target.startswith("/"):
                    del trail[1:]
                pending += [_Part(name, of_link=True) for name in reversed(_names(target))]
            yield Place(
                fd=trail[-1][1],
                path=HostPath("/" + "/".join(name for name, _ in trail[1:])),
                missing=tuple(_checked(part.name) for part in reversed(pending)),
            )
        finally:
            for fd in fds:
                os.close(fd)

    def missing(self, folder: Folder) -> tuple[Folder, ...]:
        """The folders to be made for this one to exist, itself the last.

        One that is part of a missing base is named from the innermost directory that exists,
        its path free of links; one below the base is named from the base.
        """
        with self.find(folder) as place:
            names = place.missing
        of_base = max(0, len(names) - len(folder.below))
        present = len(folder.below) - (len(names) - of_base)
        return (
            *(Folder(base=place.path, below=names[: end + 1]) for end in range(of_base)),
            *(
                Folder(base=folder.base, below=folder.below[: end + 1])
                for end in range(present, len(folder.below))
            ),
        )

    @contextmanager
    def open(self, folder: Folder) -> Iterator[int]:
        """A directory that can be listed and made durable. FileNotFoundError when missing."""
        with self.find(folder) as place:
            if place.missing:
                raise refusal(errno.ENOENT, place.missing[0])
            with child(place.fd, ".") as fd:
                yield fd

    @contextmanager
    def make(self, folder: Folder, *, mode: int = PUBLIC_FOLDER_MODE) -> Iterator[int]:
        """Like `open`, but what is missing is made, durably; `mode` is that of the innermost."""
        with self.find(folder) as place, ExitStack() as stack:
            fd = stack.enter_context(child(place.fd, "."))
            for position, name in enumerate(place.missing, start=1):
                innermost = position == len(place.missing)
                made = _made(fd, name, mode=mode if innermost else PUBLIC_FOLDER_MODE)
                fd = stack.enter_context(made)
            yield fd

    def remove_empty(self, folder: Folder) -> None:
        """Delete a directory, durably, if it is one and is empty; else nothing happens."""
        with self.find(folder.parent) as place:
            if place.missing:
                return
            with child(place.fd, ".") as parent:
                if remove_empty(parent, folder.name):
                    os.fsync(parent)


@contextmanager
def child(directory: int, name: str) -> Iterator[int]:
    """A directory in an open one. NotADirectoryError when it is a link or no directory."""
    with opened(name, _LIST, dir_fd=directory) as fd:
        yield fd


@contextmanager
def _made(parent: int, name: str, *, mode: int) -> Iterator[int]:
    """A directory in an open one, made if nobody was faster; the umask has no say."""
    try:
        os.mkdir(name, mode, dir_fd=parent)
        is_new = True
    except FileExistsError:
        is_new = False
    with child(parent, name) as fd:
        if is_new:
            os.fchmod(fd, mode)
            os.fsync(fd)
            os.fsync(parent)
        yield fd


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in {"", "."}]


def _checked(name: str) -> str:
    """The name, if it can be that of a directory: it may come from a file on the node."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise refusal(errno.EINVAL, name)
    return name
