"""Every layout as it is shipped, on the real containerd: found, served or refused, and put back."""

from collections.abc import Iterator

import pytest

from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.layout_nodes import LAYOUT_NODES, LayoutNode
from tests.realnode.scene import HOST, Scene

pytestmark = pytest.mark.realnode


@pytest.fixture(params=LAYOUT_NODES, ids=lambda case: f"{case.file} on {case.containerd}")
def case(request: pytest.FixtureRequest) -> LayoutNode:
    found: LayoutNode = request.param
    return found


@pytest.fixture
def scene(case: LayoutNode) -> Iterator[Scene]:
    """A node as the distribution makes it, with its containerd running."""
    with (
        Node(containerd=containerd_or_skip(case.containerd)) as node,
        Registry(node=node) as registry,
    ):
        made = Scene(node=node, registry=registry)
        made.serve()
        made.ask_for()
        node.write(case.config, case.text)
        if case.marker:
            node.write(case.marker, "")
        node.start_containerd("--config", case.config, config=None)
        yield made


def test_a_layout_is_found_served_or_refused_and_put_back(case: LayoutNode, scene: Scene):
    start = scene.node.snapshot()
    synced = scene.agent.sync()
    pulled = scene.pull()
    doctor = scene.agent.call("doctor")
    removed = scene.agent.remove()

    assert any(case.title in line for line in doctor.out.splitlines() if "layout" in line)
    if case.unread is None:
        assert (synced.status, synced.err) == (0, "")
        assert pulled.ok, pulled.error
        assert doctor.status == 0, doctor.out
    else:
        assert case.unread in synced.reasons
        assert f"lookup {HOST}" in pulled.error
    assert (removed.status, removed.err) == (0, "")
    assert f"lookup {HOST}" in scene.pull().error
    assert scene.node.snapshot() == start
