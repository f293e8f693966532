"""kill -9 of the agent at any one of its system calls that touch files, by strace's injection.

strace lets the signal come when the call is entered: a process that is killed then has done all
before it and nothing of it. Calls that only read are left out: nothing changes between two of them.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.ground import programs
from tests.ground.namespaces import NodeProcess, NodeTroubleError, wait_until
from tests.ground.snapshot import Entry
from tests.realnode.scene import CERTS_D, STATE, Scene

_CHANGING = (
    *("openat", "mkdirat", "write", "pwrite64", "fsync", "?renameat", "renameat2", "unlinkat"),
    *("fchmod", "ftruncate", "flock"),
)
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\)\s+= ")
KILLED = -9
FORK_SERVER = "tests.realnode.fork_server"
SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The entry of one system call: the `nth` of its name."""

    name: str
    nth: int
    text: str

    def __str__(self) -> str:
        return f"{self.name} number {self.nth}: {self.text}"


class Forks:
    """The agent on one node, forked ready to run, traced and killed at will."""

    def __init__(
        self, *, scene: Scene, server: NodeProcess, line: IO[str], connection: socket.socket
    ) -> None:
        self._scene = scene
        self._server = server
        self._line = line
        self._connection = connection
        self._said = scene.node.root / "run/forks.out"
        self._trace = scene.node.root / "run/forks.trace"
        self.converged: list[Mapping[str, Entry]] = []
        """What a test has found converged already."""

    def call(self, command: str, *flags: str) -> tuple[int, str]:
        """One command to its end: its status and what it said."""
        self._order(command, *flags)
        self._connection.send(b"g")
        status = int(self._line.readline())
        said = self._said.read_text()
        if "Traceback" in said:
            raise AssertionError(said)
        return status, said

    def moments(self, command: str, *flags: str) -> list[Moment]:
        """Every system call of that command that can change a file, in order."""
        status = self._traced([command, *flags], ())
        assert status == 0, self._said.read_text()
        counts: dict[str, int] = {}
        found = []
        for match in map(_CALL.match, self._trace.read_text().splitlines()):
            if match is None:
                continue
            name, arguments = match["name"], match["arguments"]
            counts[name] = counts.get(name, 0) + 1
            if name != "openat" or "O_CREAT" in arguments:
                found.append(Moment(name=name, nth=counts[name], text=arguments))
        return found

    def kill_at(self, moment: Moment, command: str, *flags: str) -> bool:
        """Run that command up to the moment; False if it ended before."""
        return self._traced([command, *flags], _signal("KILL", moment)) == KILLED

    @contextmanager
    def stopped_at(self, moment: Moment, command: str, *flags: str) -> Iterator[Future[int]]:
        """Run that command up to the moment and hold it there; its status comes at the end."""
        self._trace.unlink(missing_ok=True)
        with ThreadPoolExecutor(max_workers=1) as pool:
            ending = pool.submit(self._traced, [command, *flags], _signal("STOP", moment))
            try:
                wait_until(self._is_stopped, what=f"it stops at {moment}")
                yield ending
            finally:
                self.go_on()

    def go_on(self) -> None:
        """Let what was stopped go on, if it was not let already."""
        with suppress(IndexError, ProcessLookupError):
            os.kill(self._child(), signal.SIGCONT)

    def _traced(self, arguments: list[str], injection: tuple[str, ...]) -> int:
        self._order(*arguments)
        strace = programs.strace()
        with subprocess.Popen(  # noqa: S603 - the program of the cache, at a child of our own
            [
                *(str(strace.executable), "-p", str(self._child())),
                *("-o", str(self._trace), "-e", f"trace={','.join(_CHANGING)}", *injection),
            ],
            env=strace.environment,
            stderr=subprocess.PIPE,
            text=True,
        ) as tracer:
            if tracer.stderr is None or "attached" not in (said := tracer.stderr.readline()):
                raise NodeTroubleError(f"strace: {said}")
            self._connection.send(b"g")
            return int(self._line.readline())

    def _child(self) -> int:
        server = self._server.program_pid
        return int(Path(f"/proc/{server}/task/{server}/children").read_text().split()[0])

    def _is_stopped(self) -> bool:
        return self._trace.exists() and "stopped by SIGSTOP" in self._trace.read_text()

    def _order(self, *arguments: str) -> None:
        whole = self._scene.agent.command(*arguments)[3:]
        self._line.write(f"{json.dumps(whole)}\n")
        self._line.flush()
        int(self._line.readline())


def _signal(name: str, moment: Moment) -> tuple[str, str]:
    return ("-e", f"inject={moment.name}:signal={name}:when={moment.nth}")


@contextmanager
def forks_of(scene: Scene) -> Iterator[Forks]:
    """A fork server on the scene's node, until the end."""
    place = scene.node.root / "run/forks.sock"
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(place))
        listener.listen()
        listener.settimeout(SECONDS)
        server = scene.node.popen(
            [sys.executable, "-m", FORK_SERVER, str(place), f"{place.parent}/forks.out"]
        )
        stack.enter_context(server)
        connection, _ = listener.accept()
        connection.settimeout(SECONDS)
        with connection, connection.makefile("rw") as line:
            yield Forks(scene=scene, server=server, line=line, connection=connection)
        wait_until(lambda: server.poll() is not None, what="the fork server has ended")


class SavedDisk:
    """What the agent can change on a node, to be put back as often as needed."""

    def __init__(self, scene: Scene, places: Sequence[str] = (CERTS_D, STATE)) -> None:
        self._root = scene.node.root
        self._places = places
        self._copy = Path(tempfile.mkdtemp(prefix="saved-", dir=self._root / "run"))
        for place in self._places:
            if (self._root / place).exists():
                shutil.copytree(self._root / place, self._copy / place, symlinks=True)

    def restore(self) -> None:
        for place in self._places:
            shutil.rmtree(self._root / place, ignore_errors=True)
            if (self._copy / place).exists():
                shutil.copytree(self._copy / place, self._root / place, symlinks=True)
