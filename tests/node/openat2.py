"""The kernel's own answer to where a path leads inside a root: openat2 with RESOLVE_IN_ROOT."""

import ctypes
import os
from pathlib import Path

SYS_OPENAT2 = 437  # the same number on every architecture
RESOLVE_IN_ROOT = 0x10

_syscall = ctypes.CDLL(None, use_errno=True).syscall


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def directory_in_root(root: Path, path: str) -> tuple[int, int] | int:
    """Device and inode of the directory, or the error number."""
    how = _How(os.O_PATH | os.O_DIRECTORY, 0, RESOLVE_IN_ROOT)
    at = os.open(root, os.O_PATH)
    try:
        fd = _syscall(SYS_OPENAT2, at, path.encode(), ctypes.byref(how), ctypes.sizeof(how))
        if fd < 0:
            return ctypes.get_errno()
        info = os.fstat(fd)
        os.close(fd)
        return info.st_dev, info.st_ino
    finally:
        os.close(at)
