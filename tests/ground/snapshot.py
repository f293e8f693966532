"""Every file of a node that a tool could change, byte for byte, for comparison."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# Mount points, what lives in memory, and containerd's own state.
_NOT_OURS = frozenset({"run", "tmp", "proc", "dev", "sys", "opt", "var/lib/containerd"})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One path: what kind it is, whose it is, and what it holds."""

    kind: str
    mode: int
    uid: int
    gid: int
    content: bytes = b""
    target: str = ""


def take_snapshot(root: Path, *, ignoring: frozenset[str] = frozenset()) -> Mapping[str, Entry]:
    """Entries by path relative to the root, without the subtrees in `ignoring`."""
    return dict(_walk(root, root, _NOT_OURS | ignoring))


def _walk(root: Path, folder: Path, ignored: frozenset[str]) -> Iterator[tuple[str, Entry]]:
    for path in sorted(folder.iterdir()):
        name = str(path.relative_to(root))
        if name in ignored:
            continue
        entry = _entry(path)
        yield name, entry
        if entry.kind == "directory":
            yield from _walk(root, path, ignored)


def _entry(path: Path) -> Entry:
    found = path.lstat()
    kind, content, target = "other", b"", ""
    if stat.S_ISDIR(found.st_mode):
        kind = "directory"
    elif stat.S_ISREG(found.st_mode):
        kind, content = "file", path.read_bytes()
    elif stat.S_ISLNK(found.st_mode):
        kind, target = "link", str(path.readlink())
    return Entry(
        kind=kind,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        content=content,
        target=target,
    )
