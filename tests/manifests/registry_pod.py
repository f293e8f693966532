"""The registry's pod as `deploy/registry` describes it, run on a node without a kubelet.

What the kubelet would read is read here: commands, environment, users, the volumes and where each
container sees them. Each container has a root directory of its own, as it would have an image.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.ground import programs
from tests.ground.certificates import Certificate
from tests.ground.closing import Closing
from tests.ground.namespaces import NodeProcess, NodeTroubleError, wait_until
from tests.ground.node import Node
from tests.ground.programs import Program
from tests.ground.volumes import Volume
from tests.manifests.kustomizations import DEPLOY, Object, build, containers, only

REGISTRY = DEPLOY / "registry"
PORT = 8443
"""Where the front listens; there is no kube-proxy here that would lead port 443 to it."""

_BACKEND_PORT = 5000
_PLACE = Path("run/pod")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MERGED = ("bin", "lib", "lib64", "sbin")  # in every image of today they are links


class RegistryPod(Closing):
    """Both containers and their volumes. The Secrets can be written anew while they run."""

    def __init__(self, *, node: Node, directory: Path = REGISTRY) -> None:
        """Lay it out; nothing runs yet."""
        objects = build(directory)
        self._node = node
        self._pod: Mapping[str, Any] = only(objects, "Deployment")["spec"]["template"]["spec"]
        self._volumes: dict[str, Volume] = {}
        self._running: dict[str, NodeProcess] = {}
        for volume in self._pod["volumes"]:
            self._furnish(volume, objects)
        images = {"front": programs.front(), "registry": programs.distribution()}
        for container in containers(only(objects, "Deployment")):
            self._unpack(container, images[container["name"]])

    @property
    def logs(self) -> str:
        """What both have said."""
        return "".join(file.read_text() for file in sorted(self._place.glob("*.log")))

    def write_certificate(self, certificate: Certificate) -> None:
        """The Secret `registry-tls`, as the kubelet brings a change of it to the pod."""
        content = {"tls.crt": certificate.chain_pem, "tls.key": certificate.key_pem}
        self.write_secret("certificate", content)

    def write_secret(self, volume: str, content: Mapping[str, str]) -> None:
        """A Secret's new content: one rename, and the old version is gone at once."""
        self._volumes.setdefault(volume, Volume(self._place / "volumes" / volume)).write(content)

    def start(self) -> None:
        """Start both containers, and return when the front greets."""
        user = self._pod["securityContext"]
        for container in self._pod["containers"]:
            name = container["name"]
            with (self._place / f"{name}.log").open("a") as log:
                self._running[name] = self._node.popen(
                    [
                        *("env", "--ignore-environment", _PATH, *_environment(container)),
                        *("chroot", f"--userspec={user['runAsUser']}:{user['runAsGroup']}"),
                        *(str(self._place / name), *container["command"]),
                    ],
                    stdout=log,
                    stderr=log,
                )
        wait_until(self._is_ready, what="the registry's pod is ready")

    def close(self) -> None:
        """End both, at once."""
        for process in self._running.values():
            process.kill()
            process.wait(timeout=30)
        self._running.clear()

    def processes(self, container: str) -> tuple[int, ...]:
        """Those of a container: its first, and that one's children."""
        first = self._running[container].program_pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return first, *map(int, children)

    def memory_mib(self, container: str) -> float:
        """The most that the processes of a container have taken so far."""
        return sum(_peak_mib(pid) for pid in self.processes(container))

    def limit_mib(self, container: str) -> float:
        """What its manifest lets it take."""
        (one,) = (one for one in self._pod["containers"] if one["name"] == container)
        return float(one["resources"]["limits"]["memory"].removesuffix("Mi"))

    @property
    def _place(self) -> Path:
        return self._node.root / _PLACE

    def _furnish(self, volume: Object, objects: tuple[Object, ...]) -> None:
        folder = self._place / "volumes" / volume["name"]
        folder.mkdir(parents=True)
        if "configMap" in volume:
            config = only(objects, "ConfigMap", volume["configMap"]["name"])
            self.write_secret(volume["name"], config["data"])
        elif "secret" not in volume:
            user = self._pod["securityContext"]
            shutil.chown(folder, user["runAsUser"], user["fsGroup"])

    def _unpack(self, container: Object, image: Program) -> None:
        root = self._place / container["name"]
        shutil.copytree(image.tree or Path(), root, symlinks=True)
        for name in _MERGED:
            if not (root / name).exists():
                (root / name).symlink_to(f"usr/{name}")
        self._mount(Path("/dev"), root / "dev")
        for mount in container["volumeMounts"]:
            inside = root / mount["mountPath"].lstrip("/")
            self._mount(self._place / "volumes" / mount["name"], inside)

    def _mount(self, source: Path, place: Path) -> None:
        place.mkdir(exist_ok=True)
        done = self._node.run(["mount", "--bind", str(source), str(place)])
        if done.returncode:
            raise NodeTroubleError(done.stderr)

    def _is_ready(self) -> bool:
        for name, process in self._running.items():
            if process.poll() is not None:
                raise NodeTroubleError(f"{name} ended: {self.logs}")
        sockets = Path(f"/proc/{self._running['front'].program_pid}/net/tcp").read_text()
        return all(f":{port:04X} 00000000:0000 0A" in sockets for port in (PORT, _BACKEND_PORT))


def _environment(container: Object) -> list[str]:
    return [f"{entry['name']}={entry['value']}" for entry in container.get("env", [])]


def _peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise NodeTroubleError(f"process {pid} has ended")
