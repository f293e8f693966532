"""A control group of a cluster's own, so that its pods leave nothing on the machine.

A node's processes are in namespaces, but control groups belong to the machine. The kubelet makes
all of its own below one group, which ends with the node whose root directory it is named like.
"""

from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")


def make(name: str) -> None:
    """One group in every hierarchy; of cgroup v2 there is only one."""
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)


def memory_limit(name: str, *, container: str) -> int:
    """What the kernel lets a container below that group take, in bytes; by the container's id."""
    groups = (_MOUNT / name, _MOUNT / "memory" / name)
    files = ("memory.max", "memory.limit_in_bytes")
    (found,) = {
        int(limit.read_text())
        for group in groups
        for file in files
        for limit in group.rglob(f"*{container}*/{file}")
    }
    return found


def _hierarchies() -> list[Path]:
    if (_MOUNT / "cgroup.controllers").exists():
        return [_MOUNT]
    return [place for place in _MOUNT.iterdir() if (place / "cgroup.procs").exists()]
