"""The usual scene on a node with Docker: a registry with one image, manifests, and the agent."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.ground import docker, programs
from tests.ground.cri import Pull
from tests.ground.docker import CERTS_D, Docker
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.snapshot import Entry
from tests.missing_programs import found_or_skipped
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.scene import HOST, IMAGE, Scene, server_in
from tests.supported import Way, record

DAEMON_JSON = "etc/docker/daemon.json"
KUBELET_CONFIG = "var/lib/kubelet/config.yaml"
BY_CRI_DOCKERD = "containerRuntimeEndpoint: unix:///run/cri-dockerd.sock\n"
CLASSIC_STORE = {"features": {"containerd-snapshotter": False}, "storage-driver": "vfs"}
CONTAINERD_STORE = {"features": {"containerd-snapshotter": True}}
OF_DOCKER = frozenset({"var/lib/docker"})


class DockerScene(Scene):
    """One node whose kubelet uses Docker; the containerd on it is Docker's."""

    def __init__(self, *, node: Node, registry: Registry, runtime: Docker, release: str) -> None:
        super().__init__(node=node, registry=registry)
        self.runtime = runtime
        self._release = release

    def pull(self, image: str = IMAGE) -> Pull:
        """A pull that cannot be answered from what the node has already."""
        return self.runtime.pull(image)

    def docker_file(self, name: str, *, host: str = HOST) -> Path:
        """A file in a host's directory."""
        return self.node.root / CERTS_D / host / name

    def docker_files(self) -> set[str]:
        """All that stands in the directories of hosts: `<host>/<file>`."""
        place = self.node.root / CERTS_D
        return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}

    def files(self) -> Mapping[str, Entry]:
        """The node as it stands, without what Docker keeps."""
        return self.node.snapshot(ignoring=OF_DOCKER)

    def version(self) -> str:
        """What it calls its version."""
        return str(self.runtime.info()["ServerVersion"]).removeprefix("v")

    def record(self, way: Way) -> None:
        """That it pulled so. One that is built from its Go module has the module's version."""
        version = self.version()
        is_module = not version.startswith(self._release)
        runtime = f"Docker {self._release} as moby" if is_module else "Docker"
        record(runtime=runtime, version=version, way=way)

    def restart_with(self, settings: Mapping[str, object]) -> None:
        """Start it anew with that daemon.json."""
        self.node.write(DAEMON_JSON, json.dumps(settings))
        self.runtime.start()

    def wait_for_files(self, expected: set[str]) -> None:
        wait_until(lambda: self.docker_files() == expected, what="the files are there")

    def server(self) -> str:
        """The server that our hosts.toml names."""
        return server_in(self.docker_file("hosts.toml"))


@contextmanager
def docker_scene(
    version: str,
    *,
    settings: Mapping[str, object] | None = None,
    hosts: str = "",
    kubelet: str = BY_CRI_DOCKERD,
) -> Iterator[DockerScene]:
    """A node whose Docker has started, with that daemon.json, /etc/hosts and kubelet's file.

    The registry serves, and the Service and the bundle are published.
    """
    tools = found_or_skipped(f"Docker {version}", partial(docker.tools, version))
    beside = found_or_skipped("cri-dockerd", programs.cri_dockerd)
    with (
        Node(containerd=containerd_or_skip("2.1"), tools=[*tools, beside]) as node,
        Registry(node=node) as registry,
        Docker(node, version) as runtime,
    ):
        node.write(DAEMON_JSON, json.dumps(settings or {}))
        node.write(KUBELET_CONFIG, kubelet)
        if hosts:
            node.write("etc/hosts", hosts)
        node.start_containerd()
        runtime.start()
        scene = DockerScene(node=node, registry=registry, runtime=runtime, release=version)
        scene.serve()
        scene.ask_for()
        yield scene
