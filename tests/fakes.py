"""The ports in memory. `tests/contracts` holds them to what the real adapters do.

All of them share `Faults`: every effect counts, and the n-th may fail or end the process.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.errors import ClusterTrouble, NodeTrouble, Problem, Reason
from agent.planning import known_good as views
from agent.planning import ledger as ledgers
from agent.planning.known_good import KnownGood
from agent.planning.ledger import Ledger
from agent.planning.model import (
    OUR_FILES,
    Blocked,
    ClusterView,
    Folder,
    Found,
    FoundFolder,
    Missing,
    RuntimeView,
)
from agent.planning.steps import (
    CreateFolder,
    RemoveDropIn,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
    WriteDropIn,
)
from tests.anchors import NOW

MACHINE_ID = "5f0c"
DISK_FULL = NodeTrouble(Problem(reason=Reason.DISK_FULL, where="/etc", detail="no space left"))


class CrashNow(BaseException):
    """The process ends here, as by kill -9: nothing may catch it."""


@dataclass(slots=True)
class Faults:
    """Counts effects; before the one numbered `at` (from 1) it raises `error`, or `late` after it.

    Late is what a disk does that takes the bytes, and then fails to make them durable.
    """

    at: int = 0
    error: BaseException = DISK_FULL
    late: bool = False
    effects: int = 0

    @contextmanager
    def effect(self) -> Iterator[None]:
        self.effects += 1
        struck = self.effects == self.at
        if struck and not self.late:
            raise self.error
        yield
        if struck:
            raise self.error


@dataclass(slots=True, kw_only=True)
class FakeServices:
    """What systemd gives to every process."""

    environment: dict[str, str] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def proxies(self, *, pid: int) -> Mapping[str, str]:
        self.asked.append(pid)
        return self.environment


@dataclass(slots=True, kw_only=True)
class FakeTurn:
    """A runtime's own configuration, with nothing to do in it unless a test says so.

    `needed` is what `undo` was told; None while it was not asked for.
    """

    due: frozenset[str] = frozenset()
    awaited: tuple[Problem, ...] = ()
    repaired: tuple[Problem, ...] = ()
    left: tuple[Problem, ...] = ()
    needed: bool | None = None

    def problems(self, runtime: RuntimeView) -> tuple[Problem, ...]:
        return self.awaited if runtime.kind in self.due else ()

    def is_due(self, runtime: RuntimeView) -> bool:
        return runtime.kind in self.due

    def turn_on(self, runtime: RuntimeView) -> str:
        self.due -= {runtime.kind}
        return f"restart {runtime.kind}"

    def repair(self, runtime: RuntimeView) -> tuple[Problem, ...]:
        return self.repaired if runtime.pid is not None else ()

    def undo(self, *, needed: bool) -> tuple[Problem, ...]:
        self.needed = needed
        return self.left


@dataclass(slots=True, kw_only=True)
class FakeSource:
    """Says what it is told to say."""

    answer: ClusterView | ClusterTrouble

    def view(self) -> ClusterView:
        if isinstance(self.answer, ClusterTrouble):
            raise self.answer
        return self.answer


@dataclass(slots=True, kw_only=True)
class FakeHostFiles:
    """A tree of paths: bytes for a file, None for a directory. Bases are there from the start."""

    tree: dict[str, bytes | None] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    unlinked: bool = False
    unreadable: frozenset[str] = frozenset()
    read_only: frozenset[str] = frozenset()
    unswept: frozenset[Folder] = frozenset()

    def names(self, folder: Folder) -> tuple[str, ...]:
        prefix = f"{folder.path}/"
        below = (path.removeprefix(prefix) for path in self.tree if path.startswith(prefix))
        return tuple(sorted(name for name in below if "/" not in name))

    def read(self, folder: Folder) -> Found:
        if folder.path not in self.tree:
            return Missing()
        if folder.path in self.unreadable:
            return Blocked(reason=Reason.PERMISSION_DENIED, detail="it may not be read")
        if self.tree[folder.path] is not None:
            return Blocked(reason=Reason.HOST_TAKEN, detail="it is no directory")
        contents = {name: self.tree[f"{folder.path}/{name}"] for name in self.names(folder)}
        files = {
            name: content
            for name, content in contents.items()
            if name in OUR_FILES and content is not None
        }
        return FoundFolder(
            files=files, others=tuple(name for name in contents if name not in files)
        )

    def missing(self, folder: Folder) -> tuple[Folder, ...]:
        ways = [
            Folder(base=folder.base, below=folder.below[: end + 1])
            for end in range(len(folder.below))
        ]
        return tuple(way for way in ways if way.path not in self.tree)

    def signature(self, folder: Folder) -> Hashable:
        return tuple(sorted(item for item in self.tree.items() if item[0].startswith(folder.path)))

    def check_linked(self, folder: Folder) -> None:
        if self.unlinked:
            raise _trouble(Reason.UNLINKED, folder)

    def sweep(self, folder: Folder) -> Mapping[Folder, Problem]:
        """Nothing is ever half-made here: every step is done or not."""
        return {
            unswept: _trouble(Reason.IO_ERROR, unswept).problem
            for unswept in self.unswept
            if unswept.parent == folder
        }

    def create_folder(self, step: CreateFolder) -> None:
        with self._effect(step.folder):
            if step.folder.path in self.tree:
                raise _trouble(Reason.HOST_TAKEN, step.folder)
            for folder in self.missing(step.folder):
                self.tree[folder.path] = None
            for name, content in step.files:
                self.tree[f"{step.folder.path}/{name}"] = content

    def replace_file(self, step: ReplaceFile) -> None:
        with self._effect(step.folder):
            path = f"{step.folder.path}/{step.name}"
            if step.folder.path not in self.tree:
                raise _trouble(Reason.IO_ERROR, step.folder)
            if path in self.tree and self.tree[path] is None:
                raise _trouble(Reason.HOST_TAKEN, step.folder)
            self.tree[path] = step.content

    def write_drop_in(self, step: WriteDropIn) -> None:
        with self._effect(step.folder):
            for folder in self.missing(step.folder):
                self.tree[folder.path] = None
            self.tree[f"{step.folder.path}/{step.name}"] = step.content

    def remove_drop_in(self, step: RemoveDropIn) -> None:
        with self._effect(step.folder):
            self.tree.pop(f"{step.folder.path}/{step.name}", None)

    def remove_folder(self, step: RemoveFolder) -> None:
        with self._effect(step.folder):
            for name in step.names:
                if self.tree.get(f"{step.folder.path}/{name}") is not None:
                    del self.tree[f"{step.folder.path}/{name}"]
            self._remove_if_empty(step.folder)

    def remove_empty_folder(self, step: RemoveEmptyFolder) -> None:
        with self._effect(step.folder):
            self._remove_if_empty(step.folder)

    @contextmanager
    def _effect(self, folder: Folder) -> Iterator[None]:
        with self.faults.effect():
            if folder.path in self.read_only:
                raise _trouble(Reason.READ_ONLY_FILE_SYSTEM, folder)
            yield

    def _remove_if_empty(self, folder: Folder) -> None:
        if not self.names(folder) and self.tree.get(folder.path, b"") is None:
            del self.tree[folder.path]


@dataclass(slots=True, kw_only=True)
class FakeState:
    """What it keeps has been through JSON, as on the disk."""

    ledger: str = ""
    known_good: str = ""
    faults: Faults = field(default_factory=Faults)
    problems: tuple[Problem, ...] = ()
    locked_out: NodeTrouble | None = None

    def load_ledger(self) -> Ledger:
        self.problems = ()
        try:
            return ledgers.decode(self.ledger, machine_id=MACHINE_ID) if self.ledger else Ledger()
        except ValueError as error:
            self.problems = (
                Problem(reason=Reason.LEDGER_UNREADABLE, where="ledger", detail=str(error)),
            )
            return Ledger()

    def save_ledger(self, ledger: Ledger) -> None:
        with self.faults.effect():
            self.problems = ()
            self.ledger = ledgers.encode(ledger, machine_id=MACHINE_ID)

    def load_known_good(self) -> KnownGood:
        return views.decode(self.known_good) if self.known_good else KnownGood()

    def save_known_good(self, known_good: KnownGood) -> None:
        text = views.encode(known_good)
        if text != self.known_good:
            with self.faults.effect():
                self.known_good = text

    def signature(self) -> Hashable:
        return self.ledger

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        if self.locked_out is not None:
            raise self.locked_out
        yield

    def remove_all(self) -> None:
        with self.faults.effect():
            self.wipe()

    def wipe(self) -> None:
        self.ledger = self.known_good = ""


@dataclass(slots=True)
class FakeClock:
    """Stands still until told otherwise; monotonic seconds pass with the wall clock."""

    time: datetime = NOW
    ticks: timedelta = timedelta()

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        self.time += self.ticks
        return (self.time - NOW).total_seconds()

    def advance(self, span: timedelta) -> None:
        self.time += span


class NoWait(threading.Event):
    """A stop event whose waits end at once, and are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0
        self.on_wait: Callable[[], None] = lambda: None

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - that of Event
        self.waits += 1
        self.on_wait()
        return self.is_set()


def _trouble(reason: Reason, folder: Folder) -> NodeTrouble:
    return NodeTrouble(Problem(reason=reason, where=folder.path, detail="the fake refuses"))
