"""A daemon inside a node, seeing the node's own /etc, /var and /run and nothing else."""

from abc import abstractmethod
from pathlib import Path

import grpc

from tests.ground.closing import Closing
from tests.ground.cri import Cri, Pull
from tests.ground.namespaces import PATH, Namespaces, NodeProcess, NodeTroubleError, wait_until
from tests.ground.programs import Program

PLACE = "opt/node-programs"


def place_of(program: Program) -> str:
    """Where a node has a program's files, relative to its root: two versions lie side by side."""
    return f"{PLACE}/{program.executable.name}-{program.version}".removesuffix("-")


def seen_on_node(program: Program, path: Path) -> str:
    """How a node calls one of a program's files."""
    return f"/{place_of(program)}/{path.relative_to(program.files)}"


def environment(program: Program, *tools: Program) -> dict[str, str]:
    """What a node must start a program with that calls these tools."""
    folders = [seen_on_node(tool, tool.executable.parent) for tool in tools]
    libraries = [seen_on_node(one, path) for one in (program, *tools) for path in one.libraries]
    found = {"PATH": ":".join([*folders, PATH])}
    return found | ({"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {})


class Daemon(Closing):
    """One daemon: started, started anew, stopped. Its log is kept over all that."""

    def __init__(self, program: Program, *tools: Program, namespaces: Namespaces, log: str) -> None:
        """The node has the program and its `tools`; `log` is relative to the node's root."""
        self.log: Path = namespaces.root / log
        self.namespaces = namespaces
        self._executable = seen_on_node(program, program.executable)
        self._process: NodeProcess | None = None
        self._environment = environment(program, *tools)

    def close(self) -> None:
        self.stop()

    @property
    def name(self) -> str:
        """What people call it."""
        return self._executable.rpartition("/")[2]

    @property
    def process(self) -> NodeProcess:
        """The running process."""
        if self._process is None:
            raise NodeTroubleError(f"{self.name} is not started")
        return self._process

    @property
    def pid_on_node(self) -> int:
        """The process id that it has in the node's own namespace."""
        status = Path(f"/proc/{self.process.program_pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("NSpid:"))
        return int(line.split()[-1])

    def start(self, *arguments: str, seconds: float = 60.0) -> None:
        """Start it, anew where it runs, and wait until it answers."""
        self.stop()
        with self.log.open("a") as log:
            self._process = self.namespaces.popen(
                [self._executable, *arguments],
                env=self._environment,
                chroot=True,
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_ready, what=f"{self.name} answers", seconds=seconds)

    def stop(self) -> None:
        """End it, as a service manager would: it alone."""
        if self._process:
            self._process.end()
            self._process = None

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves by now. Raises NodeTroubleError where it never will."""

    def last_words(self) -> str:
        """What it said last, and if that was trouble, only this."""
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [line for line in lines if "level=error" in line or "level=fatal" in line]
        return "\n".join((telling or lines)[-5:])

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise NodeTroubleError(f"{self.name} ended: {self.last_words()}")
        return self.answers()


class CriDaemon(Daemon):
    """A daemon that the kubelet pulls with: it serves CRI."""

    def __init__(
        self, program: Program, *tools: Program, namespaces: Namespaces, log: str, socket: str
    ) -> None:
        """`socket` is where it serves CRI, relative to the node's root."""
        super().__init__(program, *tools, namespaces=namespaces, log=log)
        self._socket = namespaces.root / socket
        self._cri: Cri | None = None

    @property
    def cri(self) -> Cri:
        """The CRI services of the running process."""
        if self._process is None:
            raise NodeTroubleError(f"{self.name} is not started")
        if self._cri is None:
            self._cri = Cri(self._socket)
        return self._cri

    def stop(self) -> None:
        if self._cri:
            self._cri.close()
            self._cri = None
        super().stop()

    def pull(
        self, image: str, *, timeout: float = 120.0, secret: tuple[str, str] | None = None
    ) -> Pull:
        """A pull that cannot be answered from what the node has already."""
        self.cri.remove(image)
        return self.cri.pull(image, timeout=timeout, secret=secret)

    def answers(self) -> bool:
        try:
            self.cri.version(timeout=0.5)
        except grpc.RpcError as refusal:
            if refusal.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise NodeTroubleError(f"no CRI in {self.name}: {self.last_words()}") from refusal
            return False
        return True
