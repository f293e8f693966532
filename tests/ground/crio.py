"""A real CRI-O inside a node, seeing the node's own /etc, /var and /run and nothing else.

It stores images by plain copies (vfs) and starts no containers: what is under test are its pulls.
"""

import signal
from pathlib import Path

import grpc

from tests.ground import programs
from tests.ground.closing import Closing
from tests.ground.cri import Cri, Pull
from tests.ground.namespaces import PATH, NodeProcess, NodeTroubleError, wait_until
from tests.ground.node import Node
from tests.ground.programs import Program
from tests.ground.runtime import seen_on_node

CONFIG = "etc/crio/crio.conf"
SOCKET = "run/crio/crio.sock"
LOG = "run/crio.log"
DROP_INS = "etc/containers/registries.conf.d"
CERTIFICATES = "etc/containers/certs.d"

POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}\n'
_CONFIG = """\
[crio]
storage_driver = "vfs"

[crio.api]
listen = "/run/crio/crio.sock"

[crio.image]
pause_image = "localhost/pause:1"
{image}
[crio.runtime]
cgroup_manager = "cgroupfs"
conmon_cgroup = "pod"
default_runtime = "runc"
pinns_path = "/bin/true"
disable_hostport_mapping = true

[crio.runtime.runtimes.runc]
runtime_path = "{runc}"
monitor_path = "{conmon}"
"""


def tools(version: str) -> tuple[Program, ...]:
    """What a node must have for a CRI-O of that version, itself first."""
    return (programs.crio(version), programs.conmon(), programs.runc())


def configuration(*, version: str, image: str = "") -> str:
    """Its crio.conf, for a node that has `tools`; `image` are more lines of its `[crio.image]`."""
    _, conmon, runc = tools(version)
    return _CONFIG.format(
        runc=seen_on_node(runc, runc.executable),
        conmon=seen_on_node(conmon, conmon.executable),
        image=image,
    )


def environment(version: str) -> dict[str, str]:
    """What it must be started with there."""
    _, conmon, runc = tools(version)
    folder = seen_on_node(runc, runc.executable).rpartition("/")[0]
    libraries = [seen_on_node(conmon, library) for library in conmon.libraries]
    return {"PATH": f"{folder}:{PATH}", "LD_LIBRARY_PATH": ":".join(libraries)}


class Crio(Closing):
    """One CRI-O on a node that was made with `tools`: started, reloaded, stopped, asked."""

    def __init__(self, node: Node, version: str) -> None:
        self._node = node
        self._version = version
        program, *_ = tools(version)
        self._executable = seen_on_node(program, program.executable)
        self._environment = environment(version)
        self._process: NodeProcess | None = None
        self._cri: Cri | None = None

    def close(self) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """Everything it said, over all restarts."""
        return self._node.root / LOG

    @property
    def process(self) -> NodeProcess:
        """The running process."""
        if self._process is None:
            raise NodeTroubleError("CRI-O is not started")
        return self._process

    @property
    def pid_on_node(self) -> int:
        """The process id that it has in the node's own namespace."""
        status = Path(f"/proc/{self.process.program_pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("NSpid:"))
        return int(line.split()[-1])

    @property
    def cri(self) -> Cri:
        """Its CRI services."""
        if self._cri is None:
            raise NodeTroubleError("CRI-O is not started")
        return self._cri

    def furnish(self, *, image: str = "") -> None:
        """Write its configuration; `image` are more lines of its `[crio.image]`."""
        self._node.write(CONFIG, configuration(version=self._version, image=image))
        self._node.write("etc/containers/policy.json", POLICY)
        for folder in ("etc/cni/net.d", "opt/cni/bin", "var/tmp", DROP_INS, CERTIFICATES):
            (self._node.root / folder).mkdir(parents=True, exist_ok=True)

    def start(self, *arguments: str, seconds: float = 60.0) -> None:
        """Start it and wait until its CRI services answer."""
        self.stop()
        with self.log.open("a") as log:
            self._process = self._node.popen(
                [self._executable, *arguments],
                env=self._environment,
                chroot=True,
                stdout=log,
                stderr=log,
            )
        self._cri = Cri(self._node.root / SOCKET)
        wait_until(self._is_ready, what="CRI-O's services answer", seconds=seconds)

    def stop(self) -> None:
        """End it, as a service manager would: it alone."""
        if self._cri:
            self._cri.close()
            self._cri = None
        if self._process:
            self._process.end()
            self._process = None

    def reload(self) -> None:
        """Let it read its registries again, and wait until it has."""
        done = "Applied new registry configuration"
        before = self.log.read_text().count(done)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log.read_text().count(done) > before, what="CRI-O has reloaded")

    def pull(
        self, image: str, *, timeout: float = 120.0, secret: tuple[str, str] | None = None
    ) -> Pull:
        """A pull that cannot be answered from what the node has already."""
        self.cri.remove(image)
        return self.cri.pull(image, timeout=timeout, secret=secret)

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()
            raise NodeTroubleError("CRI-O ended: " + "\n".join(lines[-5:]))
        try:
            self.cri.version(timeout=0.5)
        except grpc.RpcError:
            return False
        return True
