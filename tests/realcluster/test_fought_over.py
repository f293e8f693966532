"""A program that deletes our directory again and again, as the cluster's administrator sees it."""

import pytest

from tests.ground.fighter import fighter
from tests.realcluster.scene import AGENT, Scene

pytestmark = pytest.mark.realcluster


def test_a_fight_is_told_by_lease_and_event_until_the_agent_is_started_anew(scene: Scene) -> None:
    scene.converge()
    assert "FoughtOver" not in scene.events()

    with fighter(scene.cluster.node, scene.hosts_file.parent):
        scene.wait_for_node("degraded", "fought-over")
        scene.wait_for_event("Warning FoughtOver")

    assert not scene.hosts_file.exists()
    scene.kubectl("delete", "pod", "--all", f"--namespace={AGENT}")
    scene.wait_for_node("ok")
    scene.run_pod("app", scene.push("app/demo"))
    scene.wait_for_pod("app", state="Running")
