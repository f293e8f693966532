"""Real nodes for the tests, one fresh one per test; a missing program is told, or fails in CI."""

import os
from collections.abc import Iterator

import pytest

from tests.ground import programs
from tests.ground.debian import ProgramMissingError
from tests.ground.node import Node
from tests.ground.programs import Program
from tests.ground.registry import Registry

_missing: dict[str, str] = {}


def containerd_or_skip(version: str) -> Program:
    """That containerd; without it the test is skipped, loudly, and in CI it fails."""
    if version not in _missing:
        try:
            return programs.containerd(version)
        except ProgramMissingError as trouble:
            _missing[version] = str(trouble)
    if os.environ.get("CI") == "true":
        pytest.fail(f"not tested: {_missing[version]}")
    pytest.skip(f"not tested: {_missing[version]}")


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, where nobody overlooks it, what was not tested on this machine."""
    for reason in _missing.values():
        terminalreporter.write_line(f"NOT TESTED: {reason}", red=True)
