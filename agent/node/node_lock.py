"""Locks between agents on one node: flock(2) on files in the agent's own directory.

The kernel lets go of them when their holder ends, however it ends. A lock file may be deleted
while somebody waits for it (the node was put back, the directory wiped); a lock on what is
deleted keeps nobody out, so it does not count.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

LOCK_FILE_MODE = 0o600

_NEVER_WAIT = os.O_NOFOLLOW | os.O_NONBLOCK  # whatever stands at the lock's place, a fifo even
_FLAGS = os.O_RDWR | os.O_CREAT | _NEVER_WAIT


@contextmanager
def try_lock(directory: int, name: str, *, shared: bool = False) -> Iterator[int | None]:
    """The locked file's descriptor, or None while somebody else's lock stands against ours.

    The file is made if it is missing. Raises OSError.
    """
    fd = os.open(name, _FLAGS, LOCK_FILE_MODE, dir_fd=directory)
    try:
        yield fd if _flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX) else None
    finally:
        os.close(fd)


def is_locked(directory: int, name: str) -> bool:
    """Whether anybody holds the lock, shared or not. Nothing is made. Raises OSError."""
    try:
        fd = os.open(name, os.O_RDONLY | _NEVER_WAIT, dir_fd=directory)
    except FileNotFoundError:
        return False
    try:
        return not _flock(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)


def _flock(fd: int, operation: int) -> bool:
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(fd).st_nlink > 0
