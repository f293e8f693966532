"""Real nodes for the tests, one fresh one per test."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.ground import programs
from tests.ground.node import Node
from tests.ground.programs import Program
from tests.ground.registry import Registry
from tests.missing_programs import found_or_skipped


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
