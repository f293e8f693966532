"""A daemon inside a node, seeing the node's own /etc, /var and /run and nothing else."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc

from tests.ground.closing import Closing
from tests.ground.cri import Cri, Pull
from tests.ground.namespaces import Namespaces, NodeProcess, NodeTroubleError, wait_until


class Daemon(Closing):
    """One daemon: started, started anew, stopped. Its log is kept over all that."""

    def __init__(
        self, *, namespaces: Namespaces, command: Sequence[str], log: str, env: Mapping[str, str]
    ) -> None:
        """`command` is what the node calls it by, `log` a path relative to the node's root."""
        self.log: Path = namespaces.root / log
        self.environment = dict(env)
        self._namespaces = namespaces
        self._command = tuple(command)
        self._name = command[0].rpartition("/")[2]
        self._process: NodeProcess | None = None

    def close(self) -> None:
        self.stop()

    @property
    def process(self) -> NodeProcess:
        """The running process."""
        if self._process is None:
            raise NodeTroubleError(f"{self._name} is not started")
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
            self._process = self._namespaces.popen(
                [*self._command, *arguments],
                env=self.environment,
                chroot=True,
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_ready, what=f"{self._name} answers", seconds=seconds)

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
            raise NodeTroubleError(f"{self._name} ended: {self.last_words()}")
        return self.answers()


class CriDaemon(Daemon):
    """A daemon that the kubelet pulls with: it serves CRI."""

    def __init__(
        self,
        *,
        namespaces: Namespaces,
        command: Sequence[str],
        log: str,
        socket: str,
        env: Mapping[str, str],
    ) -> None:
        super().__init__(namespaces=namespaces, command=command, log=log, env=env)
        self._socket = namespaces.root / socket
        self._cri: Cri | None = None

    @property
    def cri(self) -> Cri:
        """Its CRI services."""
        if self._cri is None:
            raise NodeTroubleError(f"{self._name} is not started")
        return self._cri

    def start(self, *arguments: str, seconds: float = 60.0) -> None:
        """Start it, anew where it runs, and wait until its CRI services answer."""
        self.stop()
        self._cri = Cri(self._socket)
        super().start(*arguments, seconds=seconds)

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
                raise NodeTroubleError(f"no CRI in {self._name}: {self.last_words()}") from refusal
            return False
        return True
