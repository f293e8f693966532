"""Each port's suite runs on the fake and on the real adapter: a fake that lies fails here."""

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.node.host_files import HostFiles as RealHostFiles
from agent.node.state_directory import StateDirectory
from agent.planning.model import HostPath
from agent.ports import HostFiles, State
from tests.fakes import FakeHostFiles, FakeState

BASE = HostPath("/etc/containerd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Files under test, and a hand of somebody else on the same tree."""

    files: HostFiles
    fake: FakeHostFiles | None = None
    root: Path = Path()

    def plant(self, path: str, content: bytes | None) -> None:
        """A file, or a directory for None, made by somebody else."""
        if self.fake is not None:
            self.fake.tree[path] = content
        elif content is None:
            (self.root / path.lstrip("/")).mkdir()
        else:
            (self.root / path.lstrip("/")).write_bytes(content)

    def tree(self) -> dict[str, bytes | None]:
        """What is below the base now."""
        if self.fake is not None:
            return {path: what for path, what in self.fake.tree.items() if path != BASE}
        base = self.root / BASE.lstrip("/")
        return {
            f"/{path.relative_to(self.root)}": path.read_bytes() if path.is_file() else None
            for path in base.rglob("*")
        }


@pytest.fixture(params=["fake", "real"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    if request.param == "fake":
        fake = FakeHostFiles(tree={BASE: None})
        return Node(files=fake, fake=fake)
    (tmp_path / BASE.lstrip("/")).mkdir(parents=True)
    return Node(files=RealHostFiles(tmp_path), root=tmp_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """A state under test, and how its ledger is lost or spoiled."""

    state: State
    fake: FakeState | None = None
    folder: Path = Path()

    def spoil_ledger(self, text: str) -> None:
        if self.fake is not None:
            self.fake.ledger = text
        else:
            (self.folder / "ledger.json").write_text(text)

    def wipe(self) -> None:
        if self.fake is not None:
            self.fake.wipe()
            return
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()


@pytest.fixture(params=["fake", "real"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Records:
    if request.param == "fake":
        fake = FakeState()
        return Records(state=fake, fake=fake)
    state = StateDirectory(
        host_root=tmp_path,
        path=HostPath("/var/lib/agent"),
        stop=threading.Event(),
        lock_timeout_seconds=0.0,
    )
    return Records(state=state, folder=tmp_path / "var/lib/agent")
