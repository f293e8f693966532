"""Namespaces of a node's own, held open by one first process, and processes started in them."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from time import monotonic
from typing import IO, Any, TypeVar

_T = TypeVar("_T")

_INIT = Path(__file__).with_name("node_init.sh")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_KINDS = ("mount", "uts", "ipc", "net", "pid")

# Outlives the node, however that ends, and takes away what is the machine's: the root directory,
# and the control groups that a kubelet or containerd made below one of the same name.
_KEEPER = """\
root=$1
shift
unshare "$@"
rm -rf --one-file-system "$root"
for group in /sys/fs/cgroup/"${root##*/}" /sys/fs/cgroup/*/"${root##*/}"; do
    if [ -d "$group" ]; then find "$group" -depth -type d -exec rmdir {} +; fi
done
"""


class NodeTroubleError(Exception):
    """The node could not do what a test asked of it; the message holds the program's own words."""


def wait_until(condition: Callable[[], _T], *, what: str, seconds: float = 60.0) -> _T:
    """What `condition` returns, as soon as it is true; an error naming `what` at the deadline."""
    deadline = monotonic() + seconds
    while not (answer := condition()):
        if monotonic() > deadline:
            raise NodeTroubleError(f"not within {seconds:g} s: {what}")
        Event().wait(0.01)
    return answer


class NodeProcess(subprocess.Popen[str]):
    """A process inside a node. Signals go to the program itself, not to the nsenter around it."""

    @property
    def program_pid(self) -> int:
        """The program's process id, as this test process sees it."""
        return wait_until(self._child, what="the program has started")

    def send_signal(self, sig: int) -> None:
        def find_child() -> int:
            return self._child() or (0 if self.poll() is None else -1)

        child = wait_until(find_child, what="the program has started or ended")
        if child > 0:
            os.kill(child, sig)
        if sig in {signal.SIGCONT, signal.SIGKILL}:
            self.wake_nsenter()

    def wake_nsenter(self) -> None:
        """Let nsenter go on: it stops with its program, and a stopped one never reaps it."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGCONT)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def end(self, *, seconds: float = 10.0) -> int:
        """Ask it to end; kill it when it does not."""
        self.terminate()
        try:
            return self.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait(timeout=seconds)

    def _child(self) -> int:
        try:
            found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return 0
        return int(found[0]) if found else 0


def inherited_environment(*, chroot: bool = False) -> dict[str, str]:
    """What a place's programs inherit: no proxy of the machine, and in a node's root nothing."""
    if chroot:
        return {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}
    return {k: value for k, value in os.environ.items() if not k.lower().endswith("_proxy")}


class Namespaces:
    """The mount, network, process, name and IPC namespaces of one node."""

    def __init__(
        self, *, root: Path, programs: Mapping[str, Path], beside: "Namespaces | None" = None
    ) -> None:
        """Start the first process, which mounts the machine and `programs` below the root.

        The network is that of the node `beside`, where one is given: it has to live longer.
        """
        self.root = root
        self._started: list[NodeProcess] = []
        pairs = [part for name, tree in programs.items() for part in (str(tree), name)]
        own = [kind for kind in _KINDS if kind != "net" or beside is None]
        flags = [*(f"--{kind}" for kind in own), "--fork", "--kill-child"]
        network = ["nsenter", f"--net=/proc/{beside.first_pid}/ns/net"] if beside else []
        command = [
            *network,
            "sh",
            "-c",
            _KEEPER,
            "sh",
            str(root),
            *flags,
            "--mount-proc",
            "sh",
            str(_INIT),
            str(root),
        ]
        self._holder = subprocess.Popen(  # noqa: S603 - fixed programs, paths of our own
            [*command, *pairs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if self._pipe(self._holder.stdout).readline() != "ready\n":
            said = self._pipe(self._holder.stderr).read().strip()
            self.close()
            hint = "" if os.geteuid() == 0 else " (real nodes need root)"
            raise NodeTroubleError(f"the node's first process failed{hint}: {said}")
        self.first_pid: int = self._find_first()

    def popen(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        chroot: bool = False,
        cwd: Path | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> NodeProcess:
        """Start a program inside, seeing the machine's files, or with `chroot` the node's only."""
        inside = ["chroot", str(self.root)] if chroot else []
        folder = "/" if chroot else str(cwd or Path.cwd())
        kinds = [f"--{kind}" for kind in _KINDS]
        process = NodeProcess(
            [
                *("nsenter", f"--target={self.first_pid}", *kinds, "--"),
                *("env", f"--chdir={folder}", *inside, *command),
            ],
            env=inherited_environment(chroot=chroot) | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            process_group=0,  # if the test dies, the kernel wakes a stopped group that it orphans
        )
        self._started = [p for p in self._started if p.poll() is None] + [process]
        return process

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        chroot: bool = False,
        cwd: Path | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside to its end; its status is the caller's to judge."""
        pipe = subprocess.PIPE
        with self.popen(
            command, env=env, chroot=chroot, cwd=cwd, stdout=pipe, stderr=pipe
        ) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(list(command), process.returncode, out, err)

    def close(self) -> None:
        """End the first process and with it everything inside; the root directory goes too."""
        self._pipe(self._holder.stdin).close()
        for process in self._started:
            process.wake_nsenter()
        self._holder.wait(timeout=60)
        self._pipe(self._holder.stdout).close()
        self._pipe(self._holder.stderr).close()

    def _find_first(self) -> int:
        def child_of(pid: int) -> int:
            path = Path(f"/proc/{pid}/task/{pid}/children")
            return int(wait_until(path.read_text, what="the node's first process").split()[0])

        return child_of(child_of(self._holder.pid))

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        if pipe is None:
            raise NodeTroubleError("a pipe of the node's first process is not there")
        return pipe
