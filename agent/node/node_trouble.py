"""What the node's kernel refuses, in the agent's vocabulary: the only place that translates it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.model import HostPath

REASONS = {
    errno.EROFS: Reason.READ_ONLY_FILE_SYSTEM,
    errno.ENOSPC: Reason.DISK_FULL,
    errno.EDQUOT: Reason.DISK_FULL,
    errno.EACCES: Reason.PERMISSION_DENIED,
    errno.EPERM: Reason.PERMISSION_DENIED,
    errno.ELOOP: Reason.SYMLINK_REFUSED,
    errno.ENOTDIR: Reason.HOST_TAKEN,
    errno.EISDIR: Reason.HOST_TAKEN,
    errno.EEXIST: Reason.HOST_TAKEN,
    errno.ENOTEMPTY: Reason.HOST_TAKEN,
}
"""Everything else is an `io-error`. `host-taken`: something stands where we wanted to work."""


@contextmanager
def node_trouble(*, where: HostPath, doing: str) -> Iterator[None]:
    """Raise NodeTrouble for an OSError met inside.

    `where` is the node's own path, `doing` ends the sentence "<what the kernel said> while ...".
    """
    try:
        yield
    except OSError as error:
        reason = REASONS.get(error.errno or 0, Reason.IO_ERROR)
        detail = f"{error.strerror} while {doing}"
        raise NodeTrouble(Problem(reason=reason, where=where, detail=detail)) from error
