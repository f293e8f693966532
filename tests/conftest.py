"""What every test may ask for: one real API server, one built image per session.

Hypothesis: 50 examples at the desk, 300 in CI; no deadline, machines differ.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests import missing_programs
from tests.ground import control_plane as ground
from tests.ground.control_plane import ControlPlane
from tests.ground.image_builder import BuiltImage, ImageBuilder

_CALM = settings(
    deadline=None,
    phases=[phase for phase in Phase if phase is not Phase.explain],  # slow where plans are made
    suppress_health_check=[HealthCheck.too_slow],
)

settings.register_profile("dev", _CALM, max_examples=50)
settings.register_profile("ci", _CALM, max_examples=300, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def _control_plane() -> Iterator[ControlPlane]:
    with ExitStack() as stack:
        what = "the agent on a real API server"
        yield missing_programs.found_or_skipped(
            what, lambda: stack.enter_context(ground.on_machine())
        )


@pytest.fixture
def control_plane(_control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The session's etcd and kube-apiserver, on loopback; started again if a test ended them."""
    yield _control_plane
    _control_plane.start()


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """A fresh namespace there."""
    return control_plane.create_namespace()


@pytest.fixture(scope="session")
def image_builder() -> Iterator[ImageBuilder]:
    """What builds the agent's image, with its base made."""
    with missing_programs.found_or_skipped("the image", ImageBuilder) as builder:
        yield builder


@pytest.fixture(scope="session")
def built_image(image_builder: ImageBuilder) -> BuiltImage:
    """The agent's image, built once for all tests."""
    return image_builder.make_image()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, where nobody overlooks it, what was not tested on this machine."""
    for reason in missing_programs.untested():
        terminalreporter.write_line(f"NOT TESTED: {reason}", red=True)
