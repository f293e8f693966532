"""One file, read once and whole, whatever stands at its path: a pipe, a device, a huge file.

Links are followed: the files of a mounted ConfigMap are links into `..data`. What lies in the
agent's own directories on the node is read by agent.node.durable instead, which follows none.
"""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Signature: TypeAlias = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of change in nanoseconds: of the content, of the inode."""


class NotPlainError(OSError):
    """It is no regular file, and was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFile:
    """What was read: at most the bytes asked for, one more when there were more."""

    content: bytes
    signature: Signature


def signature_of(status: os.stat_result) -> Signature:
    """Tell one state of a file from another. A program can set mtime back, but not ctime."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_plain_file(path: Path, *, limit: int) -> PlainFile:
    """Read at most `limit` + 1 bytes; never wait for a pipe's other end.

    Raises OSError: NotPlainError for what is there and no regular file.
    """
    with open(
        path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)
    ) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotPlainError(errno.EINVAL, "Not a regular file")
        content = b""
        while chunk := file.read(limit + 1 - len(content)):
            content += chunk
        return PlainFile(content=content, signature=signature_of(status))
