"""containerd's configuration on the node: the main file and all that it imports, in its order."""

import errno
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from agent.node.node_trouble import node_trouble
from agent.node.seen_path import seen_path
from agent.plain_file import NotPlainError, read_plain_file
from agent.planning.containerd_config_file import ConfigFile, broken, parse_config_file
from agent.planning.containerd_merge import Version, import_paths
from agent.planning.model import HostPath

MAX_BYTES = 4 << 20  # a configuration is a few KiB; this is somebody's disk image

State: TypeAlias = tuple[int, int, int, int] | None
"""Inode, size, times of change in nanoseconds, of inode and content; None for what is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The files as containerd would read them now, and the paths whose change changes that.

    `files` is empty when the default file is missing: containerd then runs on its defaults.
    """

    main: HostPath
    files: tuple[ConfigFile, ...]
    watched: tuple[HostPath, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over names and content, lower-case hex."""
        digest = sha256()
        for file in self.files:
            digest.update(f"{file.path}\0{len(file.text)}\0{file.text}".encode())
        return digest.hexdigest()


def read_configuration(
    host_root: Path, main: HostPath, *, required: bool, version: Version | None
) -> Configuration:
    """Read the main file and its imports; `required` when the command line names the file.

    Raises NodeTrouble: runtime-config-broken where containerd would not start, or what the
    kernel refused. Order and rules are those of LoadConfig (1.5 to 2.4, server/config/config.go):
    breadth first, each path once, a pattern's matches sorted, a missing file an error.
    """
    files: list[ConfigFile] = []
    watched: dict[HostPath, None] = {main: None}
    loaded: set[HostPath] = set()
    pending = deque([main])
    while pending:
        path = pending.popleft()
        if path in loaded:
            continue
        content = _read(host_root, path)
        if content is None:
            if path == main and not required:
                break
            raise broken(path, "it does not exist, and containerd is told to read it")
        file = parse_config_file(path, content)
        files.append(file)
        loaded.add(path)
        for name in import_paths(file, version=version):
            matches = [name]
            if "*" in name:
                watched[HostPath(name.rpartition("/")[0] or "/")] = None
                matches = matching_paths(host_root, name)
            watched |= dict.fromkeys(matches)
            pending += matches
    return Configuration(main=main, files=tuple(files), watched=tuple(watched))


def state_of(host_root: Path, path: HostPath) -> State:
    """What tells one state of a file, a directory or a socket from the next, by `stat` alone."""
    try:
        found = seen_path(host_root, path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_ctime_ns, found.st_mtime_ns


def matching_paths(host_root: Path, pattern: str) -> list[HostPath]:
    """The node's paths that match, as Go's filepath.Glob: sorted, hidden ones too, errors passed.

    `pattern` is absolute. A `**` is no more than a `*`.
    """
    found = [""]
    for part in pattern.strip("/").split("/"):
        if any(sign in part for sign in "*?["):
            found = [
                f"{folder}/{name}"
                for folder in found
                for name in _names(host_root, folder)
                if fnmatchcase(name, part)
            ]
        else:
            found = [f"{folder}/{part}" for folder in found]
    return [HostPath(path) for path in found if _stands(host_root, path)]


def _names(host_root: Path, folder: str) -> Iterable[str]:
    try:
        return sorted(entry.name for entry in seen_path(host_root, folder).iterdir())
    except OSError:
        return ()


def _stands(host_root: Path, path: str) -> bool:
    """Whether the name is there, be it a link that leads nowhere: containerd fails on that one."""
    folder, _, name = path.rpartition("/")
    return name in _names(host_root, folder)


def _read(host_root: Path, path: HostPath) -> bytes | None:
    with node_trouble(where=path, doing="reading containerd's configuration"):
        seen = seen_path(host_root, path)
        if seen == host_root / "dev/null":  # how a containerd is told to run on its defaults
            return b""
        try:
            content = read_plain_file(seen, limit=MAX_BYTES).content
        except FileNotFoundError:
            return None
        except NotPlainError as error:
            raise broken(path, "it is no regular file") from error
        if len(content) > MAX_BYTES:
            raise OSError(errno.EFBIG, f"More than {MAX_BYTES} bytes")
    return content
