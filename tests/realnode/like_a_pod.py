"""The agent on a node as its DaemonSet's container sees it: root without a single capability.

`python -m tests.realnode.like_a_pod LEADER PLACE COMMAND...` runs a command that sees, below PLACE,
what deploy/base mounts of the node whose first process is LEADER, and nothing else of it: a
process without capabilities may not look through another one's /proc/PID/root.
"""

import ctypes
import os
import sys
from pathlib import Path

from tests.ground.systemd_node import SystemdNode
from tests.realnode.agent_process import Agent
from tests.realnode.pod_agent import host_paths

_LIBC = ctypes.CDLL(None, use_errno=True)
_OPEN_TREE, _MOVE_MOUNT = 428, 429  # the same number on every architecture
_HERE = -100  # AT_FDCWD
_CLONE_RECURSIVE = 0x1 | 0x8000 | os.O_CLOEXEC  # OPEN_TREE_CLONE, AT_RECURSIVE
_OF_DESCRIPTOR = 0x4  # MOVE_MOUNT_F_EMPTY_PATH
_NEW_MOUNTS = 0x20000  # CLONE_NEWNS
_READ_ONLY = 0x1 | 0x20 | 0x1000  # MS_RDONLY, MS_REMOUNT, MS_BIND
_PRIVATE = 0x4000 | 0x40000  # MS_REC, MS_PRIVATE
_WITHOUT = ("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs")


class PodLikeAgent(Agent):
    """The agent of a node with a real systemd; manifests lie in the node's /run."""

    def __init__(self, *, node: SystemdNode) -> None:
        self._host = node.place / "host"
        super().__init__(node=node, manifests=self._host / "run/manifests")
        self._start = ("-m", "tests.realnode.like_a_pod", str(node.leader), str(node.place))
        self._flags = ("--host-root", str(self._host), *self._flags[2:])

    def command(self, command: str, *flags: str) -> list[str]:
        program, *rest = super().command(command, *flags)
        return [program, *self._start, program, *rest]


def see(leader: int, place: Path) -> None:
    """Mount what the DaemonSet's pod gets below a place, in a mount namespace of our own."""
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    theirs = os.open(f"/proc/{leader}/ns/mnt", os.O_RDONLY)
    paths = host_paths()
    folder = Path.cwd()
    _call(_LIBC.setns, theirs, _NEW_MOUNTS)
    trees = [
        _call(_LIBC.syscall, _OPEN_TREE, _HERE, path.source.encode(), _CLONE_RECURSIVE)
        for path in paths
    ]
    _call(_LIBC.setns, own, _NEW_MOUNTS)
    _call(_LIBC.unshare, _NEW_MOUNTS)
    os.chdir(folder)
    _call(_LIBC.mount, None, b"/", None, _PRIVATE, None)
    _call(_LIBC.mount, b"pod", bytes(place), b"tmpfs", 0, None)
    for path, tree in zip(paths, trees, strict=True):
        target = place / path.path.lstrip("/")
        target.mkdir(parents=True)
        _call(_LIBC.syscall, _MOVE_MOUNT, tree, b"", _HERE, bytes(target), _OF_DESCRIPTOR)
        if path.read_only:
            _call(_LIBC.mount, None, bytes(target), None, _READ_ONLY, None)


def _call(function: "ctypes._NamedFuncPointer", *arguments: object) -> int:
    answer = int(function(*arguments))
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: {function.__name__}{arguments}")
    return answer


if __name__ == "__main__":
    see(int(sys.argv[1]), Path(sys.argv[2]))
    os.execvp(_WITHOUT[0], [*_WITHOUT, *sys.argv[3:]])  # noqa: S606 - a test's own command
