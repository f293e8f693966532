"""The machine itself as a place for servers that only listen on loopback; it needs no root.

A test process reaches them directly, which it cannot where a node has a network of its own. The
kernel kills them when the thread that started them ends, however it ends, so one thread of their
own starts them all and lives as long as the place.
"""

import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Protocol

from tests.ground.closing import Closing
from tests.ground.namespaces import inherited_environment


class PlaceProcess(Protocol):
    """A process of a place; signals reach the program itself."""

    @property
    def program_pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def end(self, *, seconds: float = 10.0) -> int: ...


class Place(Protocol):
    """Where programs run: on a node, or on the machine."""

    def popen(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> PlaceProcess: ...

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]: ...


class MachineProcess(subprocess.Popen[str]):
    """A server on the machine."""

    @property
    def program_pid(self) -> int:
        return self.pid

    def end(self, *, seconds: float = 10.0) -> int:
        """Ask it to end; kill it when it does not."""
        self.terminate()
        try:
            return self.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait(timeout=seconds)


class Machine(Closing):
    """Programs on the machine, which end with this place or with the test process."""

    def __init__(self) -> None:
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="machine")

    def close(self) -> None:
        """End the starting thread, and with it whatever still runs."""
        self._starter.shutdown()

    def popen(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> MachineProcess:
        """Start a program, in a session of its own: a Ctrl-C at the test is not for it."""

        def start() -> MachineProcess:
            return MachineProcess(
                ["setpriv", "--pdeathsig", "KILL", *command],
                cwd=Path("/"),
                env=inherited_environment() | dict(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )

        return self._starter.submit(start).result()

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; its status is the caller's to judge."""
        return subprocess.run(  # noqa: S603 - programs and arguments of our own
            list(command),
            env=inherited_environment() | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
