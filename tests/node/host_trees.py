"""A node's tree in a temporary directory: how tests make it and look at it."""

from pathlib import Path

from agent.planning.model import CA_FILE, HOSTS_FILE, OUR_FILES, Folder, HostPath
from agent.planning.steps import CreateFolder, RemoveFolder, ReplaceFile

HOST = "knative.registry.svc.cluster.local:5000"
OLD = {HOSTS_FILE: b"old hosts\n", CA_FILE: b"old ca\n"}
NEW = {HOSTS_FILE: b"new hosts\n", CA_FILE: b"new ca\n" * 3000}

BASE = HostPath("/etc/containerd")
ROOT = Folder(base=BASE, below=("certs.d",))
FOLDER = ROOT.child(HOST)

CREATE = CreateFolder(folder=FOLDER, files=((CA_FILE, NEW[CA_FILE]), (HOSTS_FILE, NEW[HOSTS_FILE])))
REPLACE = ReplaceFile(folder=FOLDER, name=CA_FILE, content=NEW[CA_FILE])
REMOVE = RemoveFolder(folder=FOLDER, names=OUR_FILES)


def seen(host_root: Path, folder: Folder) -> Path:
    """Where a folder without links is, in the tests' own view."""
    return host_root / folder.path.lstrip("/")


def plant(path: Path, files: dict[str, bytes]) -> Path:
    """A directory with these files, its parents made as needed."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def tree(path: Path) -> dict[str, bytes | str | None]:
    """All that is below a path: bytes of files, targets of links, None for directories."""
    return {str(item.relative_to(path)): _what(item) for item in sorted(path.rglob("*"))}


def _what(path: Path) -> bytes | str | None:
    if path.is_symlink():
        return str(path.readlink())
    return path.read_bytes() if path.is_file() else None
