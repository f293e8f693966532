"""A node whose first process is systemd, with D-Bus, and its container runtime as one of its units.

It is Debian itself, debootstrapped once and booted by systemd-nspawn on a layer in memory. Its
network is that of another node, which has the registry. Nothing of it is left when it is closed.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from tests.ground import debian_root
from tests.ground.closing import Starting
from tests.ground.cri import Cri, Pull
from tests.ground.namespaces import NodeTroubleError, inherited_environment, wait_until
from tests.ground.node import Node
from tests.ground.snapshot import Entry, take_snapshot

_BOOT = Path(__file__).with_name("systemd_node.sh")
_HIERARCHIES = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")


@dataclass(frozen=True, kw_only=True)
class RuntimeUnit:
    """The runtime of a node: its unit and its socket, and what it takes beyond what Debian has.

    `programs` are the machine's, by the place where the node has them; `files` are written, and
    `links` made, before it boots. All paths are relative to the node's root.
    """

    name: str
    socket: str
    programs: Mapping[str, Path] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    def furnish(self, folder: Path) -> None:
        """Write the files and links below a folder."""
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        for path, target in self.links.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(target)


class SystemdNode(Starting):
    """One node. `root` is its root directory, as it can be seen from outside.

    `leader` is the process id of its systemd, as the machine sees it, and `place` a directory of
    the machine that is empty outside of the node's own namespaces.
    """

    def __init__(self, *, beside: Node, runtime: RuntimeUnit) -> None:
        self._beside = beside
        self.runtime = runtime
        self.place = Path(tempfile.mkdtemp(prefix="rna-", dir="/tmp"))
        self._groups = [Path(top, self.place.name) for top in _HIERARCHIES]
        self._process: subprocess.Popen[str] | None = None
        self.leader = 0

    @property
    def root(self) -> Path:
        """Where its files are, its /run and /proc among them."""
        return Path(f"/proc/{self.leader}/root")

    def start(self) -> None:
        """Boot it, and wait until its D-Bus and its runtime answer."""
        with tempfile.TemporaryDirectory(prefix="rna-", dir="/tmp") as extra:
            self.runtime.furnish(Path(extra))
            self._boot(extra)
            self.leader = wait_until(self._find_leader, what="systemd has started")
        wait_until(self._bus_is_there, what="D-Bus listens on the node")
        self.wait_for_runtime()

    def _boot(self, extra: str) -> None:
        nspawn = debian_root.systemd_nspawn()
        network = f"/proc/{self._beside.namespaces.first_pid}/ns/net"
        binds = [f"--bind-ro={file}:/{place}" for place, file in self.runtime.programs.items()]
        command = [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", str(_BOOT)),
            *(str(debian_root.debian_root()), str(self.place), network, extra),
            *(str(nspawn.executable), *binds),
        ]
        with Path(f"{self.place}.log").open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **nspawn.environment},
                preexec_fn=self._enter_groups,  # noqa: PLW1509 - nothing else runs yet
            )

    def close(self) -> None:
        """End it at once, as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        Path(f"{self.place}.log").unlink(missing_ok=True)
        wait_until(self._is_gone, what="the node's processes are gone")

    def wait_for_runtime(self) -> None:
        wait_until(self._serves_cri, what=f"the CRI services of {self.runtime.name} answer")

    def run(self, command: Sequence[str], *, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a program of the machine in the node's network."""
        enter = ["nsenter", f"--net=/proc/{self._beside.namespaces.first_pid}/ns/net"]
        return subprocess.run(  # noqa: S603 - a test's own command
            [*enter, *command],
            env=inherited_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def systemctl(self, *arguments: str) -> str:
        """Let the node's own systemctl do something; what it printed."""
        return self._inside("systemctl", *arguments)

    def journal(self, unit: str) -> str:
        """What systemd and the unit itself have said of it since the node booted."""
        return self._inside("journalctl", "--no-pager", f"--unit={unit}")

    def restart_with_units(self) -> None:
        """Let systemd read its units anew, and the runtime start as they say."""
        self.systemctl("daemon-reload")
        self.systemctl("restart", self.runtime.name)
        self.wait_for_runtime()

    def runtime_pid(self) -> int:
        """The runtime's process id, as the node sees it; 0 when it does not run."""
        return int(self.systemctl("show", "--property=MainPID", "--value", self.runtime.name) or 0)

    def write(self, path: str, content: str) -> Path:
        """Write a file of the node."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        return place

    def pull(self, image: str) -> Pull:
        with Cri(self.root / self.runtime.socket) as cri:
            return cri.pull(image, timeout=60)

    def remove_image(self, image: str) -> None:
        with Cri(self.root / self.runtime.socket) as cri:
            cri.remove(image)

    def etc(self) -> Mapping[str, Entry]:
        """All that is in its /etc, byte for byte."""
        return take_snapshot(self.root / "etc")

    def _inside(self, *command: str) -> str:
        """What a program of the node's own prints."""
        enter = ["nsenter", f"--target={self.leader}", "--all"]
        done = subprocess.run(  # noqa: S603 - a test's own command
            [*enter, *command], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def _enter_groups(self) -> None:
        """Control groups of its own: nspawn makes its own beside those of whoever starts it."""
        for group in self._groups:
            if (group.parent / "cgroup.procs").exists():
                group.mkdir(exist_ok=True)
                (group / "cgroup.procs").write_text(str(os.getpid()))

    def _find_leader(self) -> int:
        if self._process is None or self._process.poll() is not None:
            raise NodeTroubleError(Path(f"{self.place}.log").read_text(errors="replace"))
        pid = self._process.pid
        for name in ("sh", "systemd-nspawn", "systemd"):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            found = [child for child in children if _comm(child) == name]
            if not found:
                return 0
            pid = int(found[0])
        return pid

    def _bus_is_there(self) -> bool:
        return (self.root / "run/dbus/system_bus_socket").exists()

    def _serves_cri(self) -> bool:
        try:
            with Cri(self.root / self.runtime.socket) as cri:
                cri.version(timeout=1)
        except grpc.RpcError:
            return False
        return True

    def _is_gone(self) -> bool:
        """Whether its directory and its control groups could be removed."""
        with suppress(FileNotFoundError):
            self.place.rmdir()
        try:
            for group in self._groups:
                for folder, _, _ in os.walk(group, topdown=False):
                    Path(folder).rmdir()
        except OSError:
            return False  # a process that was killed is still ending
        return True


def _comm(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
