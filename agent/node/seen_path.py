"""Where the agent sees a path of the node.

The node's root is mounted at `host_root`, but its links are still written for the node: an
absolute link (`/var/run -> /run`) would lead out of the mount, into the agent's own container.
So links are followed one by one, each from the node's root. For reading only: nothing here
guards against a link that is swapped while we look.
"""

import errno
import os
from pathlib import Path

MAX_LINKS = 40  # as the kernel: MAXSYMLINKS, Linux include/linux/namei.h


def seen_path(host_root: Path, path: str) -> Path:
    """Give the path below `host_root`, every link followed as the node would follow it.

    What does not exist is joined as it is. Raises OSError (ELOOP) for links that go round.
    """
    seen = host_root
    rest = path.split("/")[::-1]
    links = 0
    while rest:
        name = rest.pop()
        if name in ("", "."):
            continue
        if name == "..":
            seen = seen if seen == host_root else seen.parent
            continue
        here = seen / name
        if not here.is_symlink():
            seen = here
            continue
        links += 1
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        target = here.readlink().as_posix()
        if target.startswith("/"):
            seen = host_root
        rest += target.split("/")[::-1]
    return seen
