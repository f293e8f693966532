"""A node whose first process is systemd, with D-Bus, and Debian's containerd as one of its units.

It is Debian itself, debootstrapped once and booted by systemd-nspawn on a layer in memory. Its
network is that of another node, which has the registry. Nothing of it is left when it is closed.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import grpc

from tests.ground import debian_root
from tests.ground.closing import Starting
from tests.ground.cri import Cri, Pull
from tests.ground.namespaces import NodeTroubleError, inherited_environment, wait_until
from tests.ground.node import Node
from tests.ground.runtime import SOCKET
from tests.ground.snapshot import Entry, take_snapshot

UNIT = "containerd.service"
_BOOT = Path(__file__).with_name("systemd_node.sh")
_HIERARCHIES = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")


class SystemdNode(Starting):
    """One node. `root` is its root directory, as it can be seen from outside."""

    def __init__(self, *, beside: Node) -> None:
        self._beside = beside
        self._place = Path(tempfile.mkdtemp(prefix="rna-", dir="/tmp"))
        self._groups = [Path(top, self._place.name) for top in _HIERARCHIES]
        self._process: subprocess.Popen[str] | None = None
        self._leader = 0

    @property
    def root(self) -> Path:
        """Where its files are, its /run and /proc among them."""
        return Path(f"/proc/{self._leader}/root")

    def start(self) -> None:
        """Boot it, and wait until its D-Bus and its containerd answer."""
        nspawn = debian_root.systemd_nspawn()
        network = f"/proc/{self._beside.namespaces.first_pid}/ns/net"
        command = [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", str(_BOOT)),
            *(str(debian_root.debian_root()), str(self._place), network, str(nspawn.executable)),
        ]
        log = (self._place.parent / f"{self._place.name}.log").open("w")
        with log:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **nspawn.environment},
                preexec_fn=self._enter_groups,  # noqa: PLW1509 - nothing else runs yet
            )
        self._leader = wait_until(self._find_leader, what="systemd has started")
        wait_until(self._bus_is_there, what="D-Bus listens on the node")
        self.wait_for_containerd()

    def close(self) -> None:
        """End it at once, as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        Path(f"{self._place}.log").unlink(missing_ok=True)
        wait_until(self._is_gone, what="the node's processes are gone")

    def wait_for_containerd(self) -> None:
        wait_until(self._serves_cri, what="containerd's CRI services answer")

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
        enter = ["nsenter", f"--target={self._leader}", "--all"]
        done = subprocess.run(  # noqa: S603 - a test's own command
            [*enter, "systemctl", *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def restart_with_units(self) -> None:
        """Let systemd read its units anew, and containerd start as they say."""
        self.systemctl("daemon-reload")
        self.systemctl("restart", UNIT)
        self.wait_for_containerd()

    def containerd_pid(self) -> int:
        """Its process id, as the node sees it; 0 when it does not run."""
        return int(self.systemctl("show", "--property=MainPID", "--value", UNIT) or 0)

    def write(self, path: str, content: str) -> Path:
        """Write a file of the node."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        return place

    def pull(self, image: str) -> Pull:
        with Cri(self.root / SOCKET) as cri:
            return cri.pull(image, timeout=60)

    def remove_image(self, image: str) -> None:
        with Cri(self.root / SOCKET) as cri:
            cri.remove(image)

    def etc(self) -> Mapping[str, Entry]:
        """All that is in its /etc, byte for byte."""
        return take_snapshot(self.root / "etc")

    def _enter_groups(self) -> None:
        """Control groups of its own: nspawn makes its own beside those of whoever starts it."""
        for group in self._groups:
            if (group.parent / "cgroup.procs").exists():
                group.mkdir(exist_ok=True)
                (group / "cgroup.procs").write_text(str(os.getpid()))

    def _find_leader(self) -> int:
        if self._process is None or self._process.poll() is not None:
            raise NodeTroubleError(Path(f"{self._place}.log").read_text(errors="replace"))
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
            with Cri(self.root / SOCKET) as cri:
                cri.version(timeout=1)
        except grpc.RpcError:
            return False
        return True

    def _is_gone(self) -> bool:
        """Whether its directory and its control groups could be removed."""
        with suppress(FileNotFoundError):
            self._place.rmdir()
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
