"""A control group of a cluster's own, so that its pods leave nothing on the machine.

A node's processes are in namespaces, but control groups belong to the machine. The kubelet makes
all of its own below one group, which is taken away when everything in it has ended.
"""

import os
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")


def make(name: str) -> None:
    """One group in every hierarchy; of cgroup v2 there is only one."""
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)


def remove(name: str) -> None:
    """Take it away, with every group below it; all in them must have ended."""
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            Path(folder).rmdir()


def _hierarchies() -> list[Path]:
    if (_MOUNT / "cgroup.controllers").exists():
        return [_MOUNT]
    return [place for place in _MOUNT.iterdir() if (place / "cgroup.procs").exists()]
