"""The main path on a real cluster: an application's pod runs because of the agent, and stays so."""

import pytest

from tests.ground.manifests import LABEL
from tests.realcluster.scene import SERVICE, Scene
from tests.realnode.scene import ADDRESS, OTHER_ADDRESS

pytestmark = pytest.mark.realcluster


def test_a_pod_runs_because_the_agent_was_deployed(scene: Scene) -> None:
    scene.start()
    scene.run_pod("app", scene.push("app/demo"))
    scene.wait_for_pod("app", state="ErrImagePull")

    scene.deploy()

    scene.wait_for_pod("app", state="Running")
    scene.wait_for_node("ok")


def test_new_pods_run_when_the_service_comes_back_with_another_address(scene: Scene) -> None:
    scene.converge()

    scene.kubectl("delete", *SERVICE)
    scene.stop_serving("first", address=ADDRESS)
    scene.serve("second", address=OTHER_ADDRESS)
    scene.publish_service(address=OTHER_ADDRESS)

    scene.run_pod("app", scene.push("app/other"))
    scene.wait_for_pod("app", state="Running")
    scene.wait_for_node("ok")


def test_a_label_lost_by_accident_breaks_nothing(scene: Scene) -> None:
    scene.converge()

    scene.kubectl("label", *SERVICE, f"{LABEL}-")

    scene.wait_for_node("degraded", "unlabelled-still-serving")
    scene.run_pod("app", scene.push("app/other"))
    scene.wait_for_pod("app", state="Running")
    scene.kubectl("label", *SERVICE, f"{LABEL}=true")
    scene.wait_for_node("ok")
