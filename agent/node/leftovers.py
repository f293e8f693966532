"""What a step of ours leaves half-made when it is interrupted, and how it is cleared away.

A host's directory is built as `.registry-node-agent.new.<host>` beside its place and renamed in;
it is renamed out to `.registry-node-agent.old.<host>` and then deleted. Inside a directory, a file
is written under `durable.half_made` of its name. Only files of ours are ever deleted, and a
directory only when that leaves it empty.
"""

from contextlib import suppress
from stat import S_ISDIR, S_ISREG

from agent.node.durable import OURS, half_made, look, names_in, remove_empty, unlink
from agent.node.host_root import child
from agent.planning.authorities import parse_authority
from agent.planning.hostnames import registry_of
from agent.planning.model import OUR_FILES

HALF_MADE_FILES = frozenset(map(half_made, OUR_FILES))

_NEW = f"{OURS}new."
_OLD = f"{OURS}old."
_MAX_NAME = 255  # bytes, limits.h NAME_MAX; a hostname may be 253 itself, and is ASCII


def new_name(host: str) -> str:
    """The name under which a host's directory is built. Cut if need be: one is made at a time."""
    return f"{_NEW}{host}"[:_MAX_NAME]


def old_name(host: str) -> str:
    """The name under which a host's directory is deleted."""
    return f"{_OLD}{host}"[:_MAX_NAME]


def is_leftover(name: str) -> bool:
    """Whether a name in a root, or in a host's directory, is one of ours for half-made things."""
    return name.startswith(OURS)


def sweep(root: int, name: str) -> None:
    """Clear what stands under a name in a root of all that was left half-made. Raises OSError.

    Where there is nothing to clear nothing is tried, so that a read-only file system is no error.
    A directory whose name is no cluster hostname and no endpoint is somebody else's, and not looked
    into; one that is forbidden to us, or gone in this moment, is left alone.
    """
    info = look(root, name)
    if info is None:
        return
    if not S_ISDIR(info.st_mode):
        _unlink_files(root, HALF_MADE_FILES.intersection({name}))
    elif name.startswith((_NEW, _OLD)):
        clear(root, name)
    elif registry_of(name) or parse_authority(name):
        with suppress(PermissionError, FileNotFoundError), child(root, name) as folder:
            _unlink_files(folder, HALF_MADE_FILES)


def clear(root: int, name: str) -> bool:
    """Delete a half-made directory with our files in it. False when somebody's are there too.

    Raises OSError.
    """
    info = look(root, name)
    if info is None:
        return True
    if S_ISDIR(info.st_mode):
        with child(root, name) as folder:
            _unlink_files(folder, HALF_MADE_FILES.union(OUR_FILES))
    return remove_empty(root, name)


def _unlink_files(folder: int, names: frozenset[str]) -> None:
    for name in sorted(names.intersection(names_in(folder))):
        info = look(folder, name)
        if info is not None and S_ISREG(info.st_mode):
            unlink(folder, name)
