"""A node whose API server is gone: the agent's pod is alive, and works from the last good view."""

import pytest

from tests.realcluster.scene import SERVICE, Scene
from tests.realnode.scene import ADDRESS, OTHER_ADDRESS

pytestmark = pytest.mark.realcluster


def agent_pid(scene: Scene) -> str:
    """The agent's process on the node; empty while there is none."""
    found = scene.cluster.node.run(["pgrep", "--full", "python3 -m agent run"])
    return found.stdout.strip()


def test_an_agent_started_without_an_api_server_repairs_its_node(scene: Scene) -> None:
    scene.converge()
    scene.cluster.control_plane.close()
    first = agent_pid(scene)

    scene.cluster.node.run(["kill", "-KILL", first])
    scene.hosts_file.unlink()

    scene.wait_for_address(ADDRESS)
    assert agent_pid(scene) not in {"", first}

    scene.cluster.control_plane.start()
    scene.serve("second", address=OTHER_ADDRESS)
    scene.kubectl("delete", *SERVICE)
    scene.publish_service(address=OTHER_ADDRESS)
    scene.wait_for_address(OTHER_ADDRESS)
    scene.wait_for_node("ok")
