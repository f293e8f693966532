"""An endpoint that drops packets: how long a pull hangs, and what the agent says."""

import pytest

from tests.ground.cri import Pull
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import DEAD_ADDRESS, Scene

pytestmark = pytest.mark.realnode


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    """A node whose registry is behind an address that swallows everything."""
    made = Scene(node=node, registry=registry)
    node.drop_packets_to(DEAD_ADDRESS)
    made.ask_for(address=DEAD_ADDRESS)
    node.start_containerd()
    return made


def quickest_pull(scene: Scene) -> Pull:
    """The least that such a pull takes: what a busy machine adds is not the runtime's."""
    return min((scene.pull() for _ in range(3)), key=lambda pull: pull.seconds)


@pytest.mark.parametrize("containerd_version", ["2.1"])
def test_on_2_1_a_pull_fails_within_5_seconds(scene: Scene):
    synced = scene.agent.sync()

    pull = quickest_pull(scene)

    assert (synced.status, synced.reasons) == (1, ("timeout",))
    assert "i/o timeout" in pull.error
    assert pull.seconds < 5


@pytest.mark.parametrize("containerd_version", ["2.3"])
def test_since_2_2_it_is_tried_twice(scene: Scene):
    scene.agent.sync()

    pull = quickest_pull(scene)

    assert "i/o timeout" in pull.error
    assert pull.seconds < 10


@pytest.mark.parametrize("containerd_version", ["1.7"])
def test_before_2_1_it_takes_the_half_minute_that_the_readme_tells(scene: Scene):
    scene.agent.sync()

    pull = scene.pull()

    assert "i/o timeout" in pull.error
    assert 10 < pull.seconds < 90


@pytest.mark.parametrize("containerd_version", ["2.1"])
def test_a_change_to_such_an_endpoint_is_held(scene: Scene):
    scene.serve()
    scene.ask_for()
    assert scene.agent.sync().status == 0
    scene.ask_for(address=DEAD_ADDRESS)

    synced = scene.agent.sync()

    assert (synced.status, synced.reasons) == (1, ("held",))
    assert "timeout" in synced.err
    assert scene.pull().error == ""
