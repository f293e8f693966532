"""One file, read once and whole, whatever stands at its path: a pipe, a device, a huge file.

Links are followed: the files of a mounted ConfigMap are links into `..data`.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agent.errors import BadInput, Problem, Reason
from agent.planning.model import BundleObject
from agent.planning.trust_bundle import MAX_BUNDLE_BYTES
from agent.planning.trust_reference import FileReference

Signature: TypeAlias = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of change in nanoseconds: of the content, of the inode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFile:
    """What was read: at most the bytes asked for, one more when there were more."""

    content: bytes
    signature: Signature


def signature_of(status: os.stat_result) -> Signature:
    """Tell one state of a file from another. A program can set mtime back, but not ctime."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_plain_file(path: Path, *, limit: int) -> PlainFile:
    """Read at most `limit` + 1 bytes. Raises OSError; never waits for a pipe's other end."""
    with open(
        path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)
    ) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        content = b""
        while chunk := file.read(limit + 1 - len(content)):
            content += chunk
        return PlainFile(content=content, signature=signature_of(status))


def read_bundle_file(reference: FileReference) -> BundleObject | None:
    """Read the bundle that `file:PATH` names; None when there is no such file.

    Raises BadInput (manifests-unreadable) when it is there and cannot be read. One that is too
    large comes cut, still too large, for planning to refuse.
    """
    try:
        content = read_plain_file(Path(reference.path), limit=MAX_BUNDLE_BYTES).content
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(
            Problem(
                reason=Reason.MANIFESTS_UNREADABLE,
                where=reference.text,
                detail=error.strerror or str(error),
            )
        ) from error
    return BundleObject(where=reference.text, pem=content.decode(errors="replace"))
