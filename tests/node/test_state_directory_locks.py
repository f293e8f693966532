"""Agents side by side on one node: one pass at a time, and no `remove` beside a live `run`."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Problem, Reason
from agent.node import state_directory
from agent.node.state_directory import StateDirectory
from agent.planning.ledger import Ledger
from agent.planning.model import HostPath

OTHER = """
import sys, threading
from pathlib import Path
from agent.node.state_directory import StateDirectory
from agent.planning.model import HostPath
state = StateDirectory(
    host_root=Path(sys.argv[1]),
    path=HostPath("/var/lib/registry-node-agent"),
    stop=threading.Event(),
    lock_timeout_seconds=0,
)
with state.{lock}():
    print("held", flush=True)
    sys.stdin.readline()
"""


def directory(
    host_root: Path, *, timeout: float = 0, stop: threading.Event | None = None
) -> StateDirectory:
    return StateDirectory(
        host_root=host_root,
        path=HostPath("/var/lib/registry-node-agent"),
        stop=stop or threading.Event(),
        lock_timeout_seconds=timeout,
    )


@contextmanager
def other_agent(host_root: Path, lock: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock until it is told to end."""
    command = [sys.executable, "-c", OTHER.format(lock=lock), str(host_root)]
    with subprocess.Popen(  # noqa: S603 - a script of our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate()


@contextmanager
def watching_unlinks(after_each: Callable[[], None]) -> Iterator[None]:
    """Something else that happens after each file that is deleted."""
    unlink = state_directory.unlink

    def unlink_and_more(folder: int, name: str) -> None:
        unlink(folder, name)
        after_each()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_directory, "unlink", unlink_and_more)
        yield


def reason_of(state: StateDirectory) -> Reason:
    with pytest.raises(NodeTrouble) as caught, state.exclusive():
        pass
    return caught.value.problem.reason


def test_one_pass_at_a_time(tmp_path: Path) -> None:
    with other_agent(tmp_path, "exclusive"):
        assert reason_of(directory(tmp_path)) is Reason.ANOTHER_AGENT
    with directory(tmp_path).exclusive():
        pass


def test_a_pass_waits_for_the_other_to_end(tmp_path: Path) -> None:
    with other_agent(tmp_path, "exclusive") as other:
        ending = threading.Timer(0.2, other.kill)
        ending.start()
        with directory(tmp_path, timeout=10).exclusive():
            ending.join()
            assert other.wait(timeout=10) == -signal.SIGKILL


def test_a_stop_ends_the_wait_at_once(tmp_path: Path) -> None:
    stop = threading.Event()
    with other_agent(tmp_path, "exclusive"):
        ending = threading.Timer(0.1, stop.set)
        ending.start()
        began = time.monotonic()
        assert reason_of(directory(tmp_path, timeout=60, stop=stop)) is Reason.ANOTHER_AGENT
        assert time.monotonic() - began < 5
        ending.join()


def test_a_lock_whose_file_was_deleted_keeps_nobody_out(tmp_path: Path) -> None:
    """As after `remove`, or when the directory is wiped: both must then agree on the new file."""
    first, second = directory(tmp_path), directory(tmp_path)
    lock = tmp_path / "var/lib/registry-node-agent/lock"
    with first.exclusive():
        lock.unlink()
        with second.exclusive():
            assert reason_of(first) is Reason.ANOTHER_AGENT


def test_a_lock_file_that_is_deleted_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "var/lib/registry-node-agent/lock"
    deletions = iter([lock.unlink])
    flock = fcntl.flock

    def flock_too_late(fd: int, operation: int) -> None:
        for delete in deletions:
            delete()
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", flock_too_late)
    with directory(tmp_path, timeout=10).exclusive():
        assert lock.exists()
        assert reason_of(directory(tmp_path)) is Reason.ANOTHER_AGENT


def test_a_pass_that_raises_lets_go(tmp_path: Path) -> None:
    state = directory(tmp_path)
    with pytest.raises(OSError, match="from the pass"), state.exclusive():
        raise OSError(5, "from the pass")
    with state.exclusive():
        pass


def refusal_of_remove(state: StateDirectory) -> Problem:
    with pytest.raises(NodeTrouble) as caught, state.without_run():
        pass
    return caught.value.problem


def test_remove_is_refused_beside_a_live_run_and_names_it(tmp_path: Path) -> None:
    with other_agent(tmp_path, "hold_alive") as other:
        problem = refusal_of_remove(directory(tmp_path))
        assert problem.reason is Reason.ANOTHER_AGENT
        assert problem.detail.endswith(f" {other.pid}")
    with directory(tmp_path).without_run():
        pass


def test_a_run_that_begins_while_the_node_is_put_back_waits_to_be_alive(tmp_path: Path) -> None:
    run = directory(tmp_path)
    with (
        other_agent(tmp_path, "without_run"),
        pytest.raises(NodeTrouble, match="just being put back"),
        run.hold_alive(),
    ):
        pass
    with run.hold_alive():
        pass


def test_a_run_that_begins_while_the_node_is_put_back_keeps_its_record(tmp_path: Path) -> None:
    """Between whichever two steps of `remove` it gets the lock, what it writes then stays."""
    record = tmp_path / "var/lib/registry-node-agent/ledger.json"
    removing, run = directory(tmp_path), directory(tmp_path)
    got_the_lock: list[bool] = []

    def try_to_begin() -> None:
        if True in got_the_lock:
            return
        try:
            with run.exclusive():
                run.save_ledger(Ledger())
                got_the_lock.append(True)
        except NodeTrouble:
            got_the_lock.append(False)

    with removing.without_run(), removing.exclusive(), watching_unlinks(try_to_begin):
        removing.save_ledger(Ledger())
        removing.remove_all()
    assert got_the_lock[0] is False
    assert got_the_lock[-1] is True
    assert record.exists()


def test_remove_is_not_refused_by_a_run_that_was_killed(tmp_path: Path) -> None:
    with other_agent(tmp_path, "hold_alive") as other:
        other.kill()
        other.wait()
        with directory(tmp_path).without_run():
            pass


def test_remove_is_not_refused_where_no_agent_ever_ran_and_leaves_nothing(tmp_path: Path) -> None:
    state = directory(tmp_path)
    with state.without_run(), state.exclusive():
        state.remove_all()
    assert list(tmp_path.iterdir()) == []


def test_an_old_and_a_new_run_may_overlap(tmp_path: Path) -> None:
    """While a DaemonSet is updated with surge; their passes take turns."""
    with other_agent(tmp_path, "hold_alive"), directory(tmp_path).hold_alive():
        assert refusal_of_remove(directory(tmp_path)).detail.endswith(f" {os.getpid()}")


def test_waiting_leaves_no_descriptor_open(tmp_path: Path) -> None:
    with other_agent(tmp_path, "exclusive"):
        before = len(list(Path("/proc/self/fd").iterdir()))
        assert reason_of(directory(tmp_path, timeout=0.2)) is Reason.ANOTHER_AGENT
        assert len(list(Path("/proc/self/fd").iterdir())) == before
