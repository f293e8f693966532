"""A runtime's own configuration file: replaced whole, with the mode and owner that it has.

A link is refused: where it leads to is for its owner to say. Every function raises OSError.
"""

import errno
import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE, S_ISLNK

from agent.node.durable import (
    PUBLIC_FILE_MODE,
    half_made,
    is_plain,
    look,
    opened,
    read_file,
    refusal,
    unlink,
    write_new_file,
)
from agent.node.host_root import HostRoot
from agent.planning.model import Folder, HostPath

MAX_BYTES = 4 << 20  # a configuration is a few KiB; this is somebody's disk image


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A file, by its open directory and its name."""

    directory: int
    path: HostPath

    @property
    def name(self) -> str:
        """The last component of its path."""
        return posixpath.basename(self.path)

    @property
    def staged(self) -> HostPath:
        """Where its next content lies until it is taken."""
        return HostPath(posixpath.join(posixpath.dirname(self.path), half_made(self.name)))

    def read(self) -> bytes | None:
        """Its bytes; None when there is no file. ELOOP or EEXIST for what is no plain file."""
        info = look(self.directory, self.name)
        if info is not None and not is_plain(info, limit=MAX_BYTES):
            raise refusal(errno.ELOOP if S_ISLNK(info.st_mode) else errno.EEXIST, self.name)
        return read_file(self.directory, self.name, limit=MAX_BYTES)

    def stage(self, content: bytes) -> None:
        """Put content beside it, durably, with its mode and owner."""
        info = look(self.directory, self.name)
        mode = S_IMODE(info.st_mode) if info else PUBLIC_FILE_MODE
        self.unstage()
        write_new_file(self.directory, half_made(self.name), content, mode=mode)
        if info is None or (info.st_uid, info.st_gid) == (os.geteuid(), os.getegid()):
            return
        with opened(half_made(self.name), os.O_WRONLY, dir_fd=self.directory) as fd:
            os.fchown(fd, info.st_uid, info.st_gid)
            os.fchmod(fd, mode)  # a change of owner takes some bits away
            os.fsync(fd)

    def take(self) -> None:
        """Let what is staged be the file, durably."""
        names = half_made(self.name), self.name
        os.rename(*names, src_dir_fd=self.directory, dst_dir_fd=self.directory)
        os.fsync(self.directory)

    def unstage(self) -> None:
        """Delete what is staged, if anything is."""
        unlink(self.directory, half_made(self.name))

    def restore(self, content: bytes | None) -> None:
        """Give it this content again; None deletes it. Durable."""
        if content is None:
            self.unstage()
            unlink(self.directory, self.name)
            os.fsync(self.directory)
            return
        self.stage(content)
        self.take()


@contextmanager
def config_file(host_root: Path, path: HostPath) -> Iterator[ConfigFile]:
    """The file at a path of the node, links on the way followed as the node would."""
    folder = Folder(base=HostPath(posixpath.dirname(path)))
    with HostRoot(host_root).open(folder) as directory:
        yield ConfigFile(directory=directory, path=path)
