"""Faults injected by strace into one system call of one step, counted from the step's beginning."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ground import programs
from tests.ground.closing import Closing

KILLED = -9

CALLS = "--trace=%file,%desc"
_NOT_OF_THE_STEP = {"readv", "mmap", "munmap", "mprotect"}
_CHANGES = re.compile(r"^(mkdir|write|pwrite|ftruncate|fchmod|fsync|rename|unlink|rmdir)|O_CREAT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One system call of a step: its name, which one of that name it is, strace's line for it."""

    call: str
    number: int
    line: str

    @property
    def changes_the_disk(self) -> bool:
        """Whether the disk may differ before and after it."""
        return _CHANGES.search(self.line) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """How a step ended: its exit status, and strace's record of it."""

    status: int
    record: str

    def moments(self) -> list[Moment]:
        """Its system calls on files and descriptors, counted as strace does: each name alone."""
        met = Counter[str]()
        moments = []
        for line in self.record.splitlines():
            call, parenthesis, _ = line.partition("(")
            if parenthesis and call.isidentifier() and call not in _NOT_OF_THE_STEP:
                met[call] += 1
                moments.append(Moment(call=call, number=met[call], line=line))
        return moments


class Worker(Closing):
    """The process that performs steps."""

    def __init__(self, scratch: Path) -> None:
        self._record = scratch / "strace.out"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.node.fault_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def close(self) -> None:
        with self._process:
            self._write(b"")
            assert self._process.stdin is not None
            self._process.stdin.close()

    def perform(
        self, deed: str, host_root: Path, fault: str = "", moment: Moment | None = None
    ) -> Traced:
        """One step, with a fault (`error=EIO`, `signal=KILL`) at one moment of it."""
        options = [CALLS]
        if moment is not None:
            options.append(f"--inject={moment.call}:{fault}:when={moment.number}")
        self._write(f"{deed} {host_root}\n".encode())
        pid = self._line()
        with _attached(pid, self._record, options):
            self._write(b"g")
            status = int(self._line())
        return Traced(status=status, record=self._record.read_text())

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()


@contextmanager
def _attached(pid: str, record: Path, options: list[str]) -> Iterator[None]:
    program = programs.strace()
    command = [str(program.executable), "-p", pid, "-o", str(record), *options]
    environment = {**os.environ, **program.environment}
    with subprocess.Popen(  # noqa: S603 - ours
        command, env=environment, stderr=subprocess.PIPE, text=True
    ) as strace:
        assert strace.stderr is not None
        first = strace.stderr.readline()
        assert "attached" in first, first
        yield
