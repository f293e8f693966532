"""What stands on a node's disk before anything runs: the few files that every Linux node has."""

import platform
import uuid
from pathlib import Path

_FOLDERS = (
    "etc/containerd/certs.d",
    "etc/ssl",
    "var/lib/containerd",
    "var/log",
    "run",
    "tmp",
    "root",
)
_MOUNT_POINTS = ("proc", "dev", "sys", "opt/node-programs")
_MACHINE = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")

# `hosts: files` and no name server: cluster names do not resolve, and the answer is at once the
# same "no such host" that a node gets whose DNS does not know the cluster's names.
_FILES = {
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/resolv.conf": "# This node has no name server.\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
}


def furnish(root: Path, *, name: str) -> None:
    """Make the directories, links and files of a fresh node below an empty root."""
    for folder in (*_FOLDERS, *_MOUNT_POINTS):
        (root / folder).mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    (root / "tmp").chmod(0o1777)
    (root / "var/run").symlink_to("/run")
    for folder in _MACHINE:
        there = Path("/") / folder
        if there.is_symlink():
            (root / folder).symlink_to(there.readlink())
        elif there.is_dir():
            (root / folder).mkdir()
    release = platform.freedesktop_os_release()
    lines = [f'{key}="{value}"' for key, value in release.items()]
    files = _FILES | {
        "etc/hostname": f"{name}\n",
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/os-release": "\n".join(lines) + "\n",
    }
    for path, text in files.items():
        (root / path).write_text(text)
