"""A node: a private root directory in namespaces of its own, and a real containerd on it."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.ground import node_root, programs, runtime
from tests.ground.closing import Closing
from tests.ground.cri import Pull
from tests.ground.daemon import place_of
from tests.ground.namespaces import Namespaces, NodeProcess
from tests.ground.network import Network
from tests.ground.programs import Program
from tests.ground.snapshot import Entry, take_snapshot


class Node(Closing):
    """One node. Everything it starts and mounts ends with it, or with the test process."""

    def __init__(
        self,
        *,
        containerd: Program,
        tools: Sequence[Program] = (),
        name: str = "node-a",
        directory: Path | None = None,
        beside: "Node | None" = None,
    ) -> None:
        """Make it below `directory`: /tmp unless told, for a socket's path has 107 bytes.

        `tools` are programs that containerd calls, such as runc, or another containerd. It shares
        the network of the node `beside`, where one is given.
        """
        ip = programs.iproute2()
        self.name = name
        self.root = Path(tempfile.mkdtemp(prefix="rna-", dir=directory or "/tmp"))  # noqa: S108
        node_root.furnish(self.root, name=name)
        trees = {place_of(program): program.files for program in (containerd, *tools)}
        for place in trees:
            (self.root / place).mkdir(parents=True)
        self.namespaces: Namespaces = Namespaces(
            root=self.root,
            programs=trees,
            beside=beside.namespaces if beside else None,
        )
        self.network = Network(ip=ip, namespaces=self.namespaces)
        self._tools = tools
        self._use(containerd)

    def close(self) -> None:
        """End every process and mount of it, and remove its directory."""
        self.containerd.stop()
        self.namespaces.close()

    def add_address(self, address: str) -> None:
        self.network.add_address(address)

    def remove_address(self, address: str) -> None:
        self.network.remove_address(address)

    def drop_packets_to(self, address: str) -> None:
        self.network.drop_packets_to(address)

    def stop_dropping(self, address: str) -> None:
        self.network.stop_dropping(address)

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file below the root, making the directories it needs."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    def start_containerd(self, *arguments: str, config: str | None = "") -> None:
        """Start it with that config.toml; "" is the usual one; None leaves what is there."""
        if config is not None:
            text = config or runtime.default_config(self.containerd_version)
            self.write("etc/containerd/config.toml", text)
        self.containerd.start(*arguments)

    def replace_containerd(self, program: Program, *, config: str | None = "") -> None:
        """Stop the one that runs and start another version, which was among the node's `tools`."""
        self.containerd.stop()
        self._use(program)
        self.start_containerd(config=config)

    def stop_containerd(self) -> None:
        self.containerd.stop()

    def restart_containerd(self, *arguments: str) -> None:
        """Stop and start with the configuration that is there now."""
        self.containerd.start(*arguments)

    def containerd_config_dump(self, *arguments: str) -> str:
        return self.containerd.config_dump(*arguments)

    def pull(self, image: str, *, timeout: float = 120.0) -> Pull:
        return self.containerd.cri.pull(image, timeout=timeout)

    def remove_image(self, image: str) -> None:
        self.containerd.cri.remove(image)

    def images(self) -> tuple[str, ...]:
        return self.containerd.cri.images()

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        chroot: bool = False,
        cwd: Path | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the node's namespaces, and unless `chroot` with the machine's files."""
        return self.namespaces.run(command, env=env, chroot=chroot, cwd=cwd, timeout=timeout)

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
        """Start a program likewise."""
        return self.namespaces.popen(
            command, env=env, chroot=chroot, cwd=cwd, stdout=stdout, stderr=stderr
        )

    def snapshot(self, *, ignoring: frozenset[str] = frozenset()) -> Mapping[str, Entry]:
        return take_snapshot(self.root, ignoring=ignoring)

    def _use(self, containerd: Program) -> None:
        self.containerd_version = containerd.version
        self.containerd = runtime.Containerd(containerd, *self._tools, namespaces=self.namespaces)
