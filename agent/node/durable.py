"""Files that are whole at every moment, also after kill -9 and after a power cut.

A file is written under another name in the same directory, made durable, and renamed over; then
the directory is made durable. The rename is what a reader or a crash sees: the old bytes before
it, the new bytes after it. All functions work on an open directory, follow no link in it, and
raise OSError.

What an interrupted call leaves behind has a name that begins with `OURS`, so that it can be
recognised, and never ends like a file that a runtime would read (`.crt`, `.conf`, `.toml`).
"""

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from stat import S_ISLNK, S_ISREG

OURS = ".registry-node-agent."
PUBLIC_FILE_MODE = 0o644

_RENAME_NOREPLACE = 1  # linux/fs.h
_renameat2 = ctypes.CDLL(None, use_errno=True).renameat2  # glibc 2.28; Python has no binding


@contextmanager
def opened(path: str, flags: int, *, dir_fd: int | None = None, mode: int = 0) -> Iterator[int]:
    """A descriptor that is closed at the end."""
    fd = os.open(path, flags, mode, dir_fd=dir_fd)
    try:
        yield fd
    finally:
        os.close(fd)


def refusal(code: int, name: str) -> OSError:
    """The error that the kernel would give, for what we refuse ourselves."""
    return OSError(code, os.strerror(code), name)


def names_in(directory: int) -> list[str]:
    """Sorted names in an open directory."""
    return sorted(os.listdir(directory))


def half_made(name: str) -> str:
    """The name under which a file is written before it is renamed to `name`."""
    return f"{OURS}{name}.new"


def is_plain(info: os.stat_result, *, limit: int) -> bool:
    """Whether it is a regular file of at most `limit` bytes: all that we read, replace, delete."""
    return S_ISREG(info.st_mode) and info.st_size <= limit


def look(directory: int, name: str) -> os.stat_result | None:
    """What stands under a name, links not followed; None when there is nothing."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_link(directory: int, name: str) -> bool:
    """Whether a link stands under a name."""
    info = look(directory, name)
    return info is not None and S_ISLNK(info.st_mode)


def signature_at(directory: int, name: str) -> tuple[int, ...] | None:
    """What changes when the file or directory under a name does; None when there is none."""
    info = look(directory, name)
    return info and (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


def read_file(directory: int, name: str, *, limit: int) -> bytes | None:
    """A file's bytes; None when it is missing or is not plain."""
    info = look(directory, name)
    if info is None or not is_plain(info, limit=limit):
        return None
    # Not blocking: it may have become a fifo since we looked.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with opened(name, flags, dir_fd=directory) as fd, os.fdopen(fd, "rb", closefd=False) as file:
        content = file.read(min(limit, os.fstat(fd).st_size) + 1)
    return content if len(content) <= limit else None


def write_new_file(directory: int, name: str, content: bytes, *, mode: int) -> None:
    """A file that was not there before, durable but for its name. The umask has no say."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with opened(name, flags, dir_fd=directory, mode=mode) as fd:
        os.fchmod(fd, mode)
        with os.fdopen(fd, "wb", closefd=False) as file:
            file.write(content)
        os.fsync(fd)


def replace_file(directory: int, name: str, content: bytes, *, mode: int, limit: int) -> None:
    """A file's new bytes, or a new file; after an error the old bytes or the new ones stand.

    A link, a directory, or anything else that is not plain is never replaced.
    """
    info = look(directory, name)
    if info is not None and not is_plain(info, limit=limit):
        raise refusal(errno.ELOOP if S_ISLNK(info.st_mode) else errno.EEXIST, name)
    unlink(directory, half_made(name))
    try:
        write_new_file(directory, half_made(name), content, mode=mode)
        os.rename(half_made(name), name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
    except OSError:
        with suppress(OSError):
            unlink(directory, half_made(name))
        raise


def try_to_write(directory: int, size: int) -> None:
    """Write that many bytes, durably, into a file without a name: gone with its descriptor.

    A file system that has no such files (open(2), O_TMPFILE) is not tried.
    """
    try:
        with opened(".", os.O_TMPFILE | os.O_WRONLY, dir_fd=directory, mode=0o600) as fd:
            with os.fdopen(fd, "wb", closefd=False) as file:
                file.write(bytes(size))
            os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise


def unlink(directory: int, name: str) -> None:
    """Delete a name that is not a directory; fine when it is missing."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def rename_to_free_name(directory: int, old: str, new: str) -> None:
    """Rename within a directory, durably.

    FileExistsError when `new` is taken, even by an empty directory, which rename(2) would replace.
    """
    names = os.fsencode(old), os.fsencode(new)
    if _renameat2(directory, names[0], directory, names[1], _RENAME_NOREPLACE) != 0:
        raise refusal(ctypes.get_errno(), new)
    os.fsync(directory)


def remove_empty(directory: int, name: str) -> bool:
    """Delete an empty directory. False when there is none under the name, or it is not empty."""
    try:
        os.rmdir(name, dir_fd=directory)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY}:
            return False
        raise
    return True
