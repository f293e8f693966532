"""All of `deploy/` on a real cluster, from nothing: agent, registry, certificate, and an image."""

import pytest

from tests.realcluster.deployed_registry import DeployedRegistry
from tests.realcluster.scene import Scene
from tests.realnode.scene import HOST

pytestmark = pytest.mark.realcluster


def test_a_pod_runs_an_image_that_was_pushed_to_the_deployed_registry(scene: Scene) -> None:
    registry = DeployedRegistry(cluster=scene.cluster)
    scene.deploy()
    scene.wait_for_node("degraded", "no-trust-bundle")
    scene.run_pod("app", f"{HOST}/app/demo:v1")
    scene.wait_for_pod("app", state="ErrImagePull")

    registry.make_certificate()
    registry.wait_until_ready()
    registry.push("app/demo")

    scene.wait_for_pod("app", state="Running")
    scene.wait_for_node("ok")
