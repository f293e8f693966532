"""Every system call of every step fails once, and is once the last: old or new, never between."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.node.host_files import HostFiles
from agent.planning.model import CA_FILE
from tests.node.fault_worker import DEEDS, DONE, REFUSED, state_directory
from tests.node.faults import KILLED, Moment, Worker
from tests.node.host_trees import FOLDER, HOST, NEW, OLD, ROOT, plant, seen, tree

Tree = dict[str, bytes | str | None]

ERRORS = ("EIO", "ENOSPC", "EROFS", "EACCES")


@dataclass(frozen=True, slots=True)
class Scene:
    """A deed, what is there before it, and what of it may be seen after a fault."""

    deed: str
    before: Callable[[Path], object]
    look: Callable[[Path], Tree]
    states: tuple[Tree, ...]


def host(path: Path) -> Tree:
    """What a runtime would see: names that it never asks for left out."""
    found = tree(seen(path, ROOT))
    return {name: what for name, what in found.items() if not name.startswith(".registry")}


def inside(path: Path) -> Tree:
    """What a runtime would read of one host."""
    found = host(path)
    return {name: what for name, what in found.items() if "/.registry-node-agent." not in name}


def saved(path: Path) -> Tree:
    """What an agent that starts would read."""
    state = state_directory(path)
    return {
        "ledger": str(len(state.load_ledger().entries)),
        "view": state.load_known_good().bundles.get("configmap:a/b"),
    }


def in_host(files: dict[str, bytes]) -> Tree:
    return {HOST: None, **{f"{HOST}/{name}": content for name, content in files.items()}}


def with_state(path: Path) -> None:
    (path / "var/lib").mkdir(parents=True)
    DEEDS["save"](path)


SCENES = {
    "create": Scene("create", lambda path: path, inside, ({}, in_host(NEW))),
    "replace": Scene(
        "replace",
        lambda path: plant(seen(path, FOLDER), OLD),
        inside,
        (in_host(OLD), in_host({**OLD, CA_FILE: NEW[CA_FILE]})),
    ),
    "remove": Scene(
        "remove", lambda path: plant(seen(path, FOLDER), OLD), inside, (in_host(OLD), {})
    ),
    "remove beside a stranger's file": Scene(
        "remove",
        lambda path: plant(seen(path, FOLDER), {**OLD, "client.key": b"theirs"}),
        inside,
        (
            in_host({**OLD, "client.key": b"theirs"}),
            in_host({CA_FILE: OLD[CA_FILE], "client.key": b"theirs"}),
            in_host({"client.key": b"theirs"}),
        ),
    ),
    "save": Scene(
        "save",
        lambda path: (path / "var/lib").mkdir(parents=True),
        saved,
        (
            {"ledger": "0", "view": None},
            {"ledger": "2", "view": None},
            {"ledger": "2", "view": "new"},
        ),
    ),
    "remove all state": Scene(
        "remove_all",
        with_state,
        saved,
        (
            {"ledger": "2", "view": "new"},
            {"ledger": "2", "view": None},
            {"ledger": "0", "view": None},
        ),
    ),
}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with Worker(tmp_path_factory.mktemp("strace")) as worker:
        yield worker


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory in memory: the fsyncs of a thousand runs would only wait for the disk."""
    with TemporaryDirectory(dir="/dev/shm") as path:
        yield Path(path)


def fresh(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def check_after_fault(scene: Scene, path: Path, expected: Tree) -> None:
    """One of the states that may be; and the next pass ends as if there had been no fault."""
    assert scene.look(path) in scene.states
    HostFiles(path).sweep(ROOT)
    assert not [name for name in tree(seen(path, ROOT)) if ".registry-node-agent." in name]
    assert scene.look(path) in scene.states
    if scene.look(path) != scene.states[-1] or scene.deed != "create":
        DEEDS[scene.deed](path)
    assert tree(path) == expected


def clean_run(scene: Scene, worker: Worker, path: Path) -> tuple[list[Moment], Tree]:
    """The system calls of the deed while nothing fails, and what it leaves."""
    scene.before(fresh(path))
    traced = worker.perform(scene.deed, path)
    assert traced.status == DONE
    return traced.moments(), tree(path)


@pytest.mark.parametrize("name", SCENES)
def test_whichever_system_call_fails_old_or_new_is_left(
    memory: Path, worker: Worker, name: str
) -> None:
    scene = SCENES[name]
    moments, expected = clean_run(scene, worker, memory / "clean")
    for moment, error in zip(moments, cycle(ERRORS), strict=False):
        path = fresh(memory / "node")
        scene.before(path)
        outcome = worker.perform(scene.deed, path, f"error={error}", moment)
        assert "(INJECTED)" in outcome.record
        assert outcome.status in {DONE, REFUSED}, outcome.record
        check_after_fault(scene, path, expected)


@pytest.mark.parametrize("name", SCENES)
def test_a_kill_before_any_system_call_leaves_old_or_new(
    memory: Path, worker: Worker, name: str
) -> None:
    """Before each that changes the disk: between two of those the disk is the same."""
    scene = SCENES[name]
    moments, expected = clean_run(scene, worker, memory / "clean")
    for moment in moments:
        if moment.changes_the_disk:
            path = fresh(memory / "node")
            scene.before(path)
            outcome = worker.perform(scene.deed, path, "signal=KILL", moment)
            assert outcome.status == KILLED, moment
            check_after_fault(scene, path, expected)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("create", "write fsync write fsync fsync rename fsync"),
        ("replace", "write fsync rename fsync"),
        ("remove", "rename fsync unlink unlink unlink fsync"),
        ("save", "write fsync rename fsync write fsync rename fsync"),
    ],
)
def test_the_bytes_are_durable_before_the_name_and_the_name_before_the_end(
    memory: Path, worker: Worker, name: str, order: str
) -> None:
    """What a power cut would lose cannot be tested here; the order that prevents it can."""
    moments, _ = clean_run(SCENES[name], worker, memory / "clean")
    calls = [
        re.sub("at2?$", "", moment.call)
        for moment in moments
        if moment.call.startswith(("write", "fsync", "rename"))
        or (moment.call == "unlinkat" and moment.line.endswith("= 0"))
    ]
    assert " ".join(calls).endswith(order)
