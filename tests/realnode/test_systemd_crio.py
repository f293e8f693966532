"""A real CRI-O as a unit of a real systemd: the agent has it reloaded over D-Bus, as it ships."""

from collections.abc import Iterator
from functools import partial
from itertools import cycle, islice

import pytest

from tests.ground import runtime_units
from tests.realnode.like_a_pod import PodLikeAgent
from tests.realnode.pull_loop import pulling
from tests.realnode.scene import ADDRESS, HOST, OTHER_ADDRESS, STATE, Scene
from tests.realnode.systemd_scene import systemd_scene

pytestmark = pytest.mark.realnode

DEAF_UNIT = "etc/systemd/system/crio.service.d/deaf.conf"


@pytest.fixture
def scene() -> Iterator[Scene]:
    """CRI-O as it ships, with the unit that it ships; it has read nothing of ours."""
    with systemd_scene("CRI-O 1.36", partial(runtime_units.crio_unit, "1.36")) as made:
        yield made


def test_it_is_reloaded_and_not_restarted_and_the_pull_works(scene: Scene):
    before, pid = scene.node.etc(), scene.node.runtime_pid()
    refused = scene.pull().error

    synced = scene.agent.sync()
    pull = scene.pull()
    removed = scene.agent.remove()

    assert f"lookup {HOST}" in refused
    assert (synced.status, synced.err) == (0, "")
    assert "reload the runtime" in synced.out
    assert "effective" in synced.out
    assert pull.error == ""
    assert (removed.status, removed.err) == (0, "")
    assert f"lookup {HOST}" in scene.pull().error
    assert scene.node.runtime_pid() == pid
    assert reloads(scene) == 2
    assert scene.node.etc() == before
    assert not (scene.node.root / STATE).exists()


def test_no_pull_fails_while_the_endpoint_is_rewritten(scene: Scene):
    scene.serve("other", address=OTHER_ADDRESS)
    pid = scene.node.runtime_pid()
    assert scene.agent.sync().status == 0

    with pulling(scene) as pulls:
        for address in islice(cycle((OTHER_ADDRESS, ADDRESS)), 10):
            scene.ask_for(address=address)
            synced = scene.agent.sync()
            assert (synced.status, synced.err) == (0, "")

    assert pulls.errors == []
    assert {request.front for request in scene.registry.requests()} == {"main", "other"}
    assert (scene.node.runtime_pid(), reloads(scene)) == (pid, 11)


def test_a_unit_that_cannot_be_reloaded_needs_it_and_pulls_go_on(scene: Scene):
    scene.serve("other", address=OTHER_ADDRESS)
    assert scene.agent.sync().status == 0
    scene.node.write(DEAF_UNIT, "[Service]\nExecReload=\n")
    scene.node.systemctl("daemon-reload")
    scene.ask_for(address=OTHER_ADDRESS)

    refused = scene.agent.sync()
    meanwhile = scene.pull()
    scene.node.systemctl("restart", "crio.service")
    scene.node.wait_for_runtime()
    restarted = scene.agent.sync()

    assert refused.status == 1
    assert refused.reasons[0] == "needs-reload"
    assert "Job type reload is not applicable" in refused.err
    assert meanwhile.error == ""
    assert (restarted.status, restarted.err) == (0, "")
    assert scene.pull().error == ""


def test_root_without_a_single_capability_is_enough(scene: Scene):
    agent, pid = PodLikeAgent(node=scene.node), scene.node.runtime_pid()
    before = scene.node.etc()

    synced = agent.sync()
    pull = scene.pull()
    removed = agent.remove()

    assert (synced.status, synced.err) == (0, "")
    assert "reload the runtime" in synced.out
    assert pull.error == ""
    assert (removed.status, removed.err) == (0, "")
    assert (scene.node.runtime_pid(), reloads(scene)) == (pid, 2)
    assert scene.node.etc() == before


def reloads(scene: Scene) -> int:
    """How often systemd has reloaded it, by its own journal."""
    return scene.node.journal("crio.service").count("Reloaded crio.service")
