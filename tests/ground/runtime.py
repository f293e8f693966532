"""A real containerd inside a node, seeing the node's own /etc, /var and /run and nothing else."""

from collections.abc import Sequence
from pathlib import Path

import grpc

from tests.ground.cri import Cri
from tests.ground.namespaces import PATH, Namespaces, NodeProcess, NodeTroubleError, wait_until
from tests.ground.programs import Program

PLACE = "opt/node-programs"
SOCKET = "run/containerd/containerd.sock"
LOG = "run/containerd.log"
PAUSE = "localhost/pause:1"  # what holds a pod's namespaces open
CERTS_D = "/etc/containerd/certs.d"


def default_config(version: str, *, config_path: str = CERTS_D) -> str:
    """The least config.toml with which that containerd reads host directories."""
    if version.startswith("1."):
        head, table = "version = 2", 'plugins."io.containerd.grpc.v1.cri".registry'
    else:
        head, table = "version = 3", 'plugins."io.containerd.cri.v1.images".registry'
    return f'{head}\n\n[{table}]\n  config_path = "{config_path}"\n'


def place_of(program: Program) -> str:
    """Where a node has a program's files, relative to its root."""
    return f"{PLACE}/{program.executable.name}"


def seen_on_node(program: Program, path: Path) -> str:
    """How a node calls one of a program's files."""
    return f"/{place_of(program)}/{path.relative_to(program.files)}"


def pod_config(version: str) -> str:
    """`default_config`, for containers too; a machine may lack the right to lower an OOM score."""
    if version.startswith("1."):
        runtime = 'plugins."io.containerd.grpc.v1.cri"'
        sandbox = f'sandbox_image = "{PAUSE}"\n'
    else:
        runtime = 'plugins."io.containerd.cri.v1.runtime"'
        images = 'plugins."io.containerd.cri.v1.images".pinned_images'
        sandbox = f'\n[{images}]\n  sandbox = "{PAUSE}"\n'
    head = f"[{runtime}]\n  restrict_oom_score_adj = true\n"
    return f"{default_config(version)}\n{head}  {sandbox}"


class Containerd:
    """One containerd: started, stopped and asked through its own socket."""

    def __init__(
        self, *, program: Program, tools: Sequence[Program], namespaces: Namespaces
    ) -> None:
        self._namespaces = namespaces
        self._root = namespaces.root
        self.executable = seen_on_node(program, program.executable)
        libraries = [seen_on_node(program, library) for library in program.libraries]
        folders = [seen_on_node(tool, tool.executable.parent) for tool in tools]
        self._environment = {"PATH": ":".join([*folders, PATH])}
        if libraries:
            self._environment["LD_LIBRARY_PATH"] = ":".join(libraries)
        self._process: NodeProcess | None = None
        self._cri: Cri | None = None

    @property
    def log(self) -> Path:
        """Everything it said, over all restarts."""
        return self._root / LOG

    @property
    def process(self) -> NodeProcess:
        """The running process."""
        if self._process is None:
            raise NodeTroubleError("containerd is not started")
        return self._process

    @property
    def cri(self) -> Cri:
        """Its CRI services."""
        if self._cri is None:
            raise NodeTroubleError("containerd is not started")
        return self._cri

    def start(self, *arguments: str, seconds: float = 30.0) -> None:
        """Start it and wait until its CRI services answer."""
        self.stop()
        with self.log.open("a") as log:
            self._process = self._namespaces.popen(
                [self.executable, *arguments],
                env=self._environment,
                chroot=True,
                stdout=log,
                stderr=log,
            )
        self._cri = Cri(self._root / SOCKET)
        wait_until(self._is_ready, what="containerd's CRI services answer", seconds=seconds)

    def stop(self) -> None:
        """End it, as a service manager would: it alone."""
        if self._cri:
            self._cri.close()
            self._cri = None
        if self._process:
            self._process.end()
            self._process = None

    def config_dump(self) -> str:
        """The configuration as containerd itself reads it from the files."""
        done = self._namespaces.run(
            [self.executable, "config", "dump"], env=self._environment, chroot=True
        )
        if done.returncode:
            raise NodeTroubleError(f"containerd config dump: {done.stderr.strip()}")
        return done.stdout

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise NodeTroubleError(f"containerd ended: {self._last_words()}")
        try:
            self.cri.version(timeout=0.5)
        except grpc.RpcError as refusal:
            if refusal.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise NodeTroubleError(f"no CRI plugin: {self._last_words()}") from refusal
            return False
        return True

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [line for line in lines if "level=error" in line or "level=fatal" in line]
        return "\n".join((telling or lines)[-5:])
