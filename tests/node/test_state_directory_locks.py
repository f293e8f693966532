"""Agents side by side on one node: one pass at a time, and no `remove` beside a live `run`."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Reason
from agent.node.state_directory import StateDirectory
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


def test_remove_is_refused_beside_a_live_run_and_names_it(tmp_path: Path) -> None:
    with other_agent(tmp_path, "hold_alive") as other:
        with pytest.raises(NodeTrouble) as caught:
            directory(tmp_path).refuse_beside_run()
        assert caught.value.problem.reason is Reason.ANOTHER_AGENT
        assert caught.value.problem.detail.endswith(f" {other.pid}")
    directory(tmp_path).refuse_beside_run()


def test_remove_is_not_refused_by_a_run_that_was_killed(tmp_path: Path) -> None:
    with other_agent(tmp_path, "hold_alive") as other:
        other.kill()
        other.wait()
        directory(tmp_path).refuse_beside_run()


def test_remove_is_not_refused_where_no_agent_ever_ran(tmp_path: Path) -> None:
    directory(tmp_path).refuse_beside_run()
    assert list(tmp_path.iterdir()) == []


def test_an_old_and_a_new_run_may_overlap(tmp_path: Path) -> None:
    """While a DaemonSet is updated with surge; their passes take turns."""
    with other_agent(tmp_path, "hold_alive"), directory(tmp_path).hold_alive():
        with pytest.raises(NodeTrouble) as caught:
            directory(tmp_path).refuse_beside_run()
        assert caught.value.problem.detail.endswith(f" {os.getpid()}")


def test_waiting_leaves_no_descriptor_open(tmp_path: Path) -> None:
    with other_agent(tmp_path, "exclusive"):
        before = len(list(Path("/proc/self/fd").iterdir()))
        assert reason_of(directory(tmp_path, timeout=0.2)) is Reason.ANOTHER_AGENT
        assert len(list(Path("/proc/self/fd").iterdir())) == before
