"""Real nodes for the tests, one fresh one per test."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.ground import crio, programs
from tests.ground.certificates import Authority
from tests.ground.crio import Crio
from tests.ground.node import Node
from tests.ground.programs import Program
from tests.ground.registry import Registry
from tests.missing_programs import found_or_skipped
from tests.realnode.crio_ground import CrioGround
from tests.realnode.docker_ground import DockerGround, running_docker


def containerd_or_skip(version: str) -> Program:
    """That containerd; without it the test is skipped, loudly, and in CI it fails."""
    return found_or_skipped(f"containerd {version}", partial(programs.containerd, version))


@pytest.fixture(params=programs.CONTAINERD_VERSIONS)
def containerd_version(request: pytest.FixtureRequest) -> str:
    """Every minor version of containerd that the agent must work with."""
    return str(request.param)


@pytest.fixture
def node(containerd_version: str) -> Iterator[Node]:
    """A node of that version; its containerd is not started yet."""
    with Node(containerd=containerd_or_skip(containerd_version)) as made:
        yield made


@pytest.fixture
def registry(node: Node) -> Iterator[Registry]:
    """A registry on the node, without any front yet."""
    with Registry(node=node) as made:
        yield made


@pytest.fixture(params=programs.CRIO_VERSIONS)
def crio_ground(request: pytest.FixtureRequest) -> Iterator[CrioGround]:
    """A registry on a node with a CRI-O of every version that the agent must work with."""
    version = str(request.param)
    tools = found_or_skipped(f"CRI-O {version}", partial(crio.tools, version))
    with (
        Node(containerd=containerd_or_skip("2.1"), tools=tools) as node,
        Registry(node=node) as registry,
        Crio(node, version) as runtime,
    ):
        registry.push("app/demo")
        runtime.furnish()
        authority = Authority.create(name="first CA")
        yield CrioGround(
            node=node, crio=runtime, registry=registry, authority=authority, version=version
        )


@pytest.fixture
def docker_ground() -> Iterator[DockerGround]:
    """A node with a Docker that keeps its images in containerd's store."""
    with running_docker("29") as made:
        yield made


@pytest.fixture(params=programs.DOCKER_VERSIONS)
def classic_docker_ground(request: pytest.FixtureRequest) -> Iterator[DockerGround]:
    """A node with a Docker that keeps its images itself, as all did before 28 and many still do."""
    with running_docker(str(request.param), "--storage-driver=vfs") as made:
        yield made
