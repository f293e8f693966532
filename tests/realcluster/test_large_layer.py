"""A layer of 2 GiB goes through the deployed registry, whose memory the kernel limits.

The limits are those of `deploy/registry`, and a kubelet has set them: whoever takes more is killed.
"""

import sys
from time import monotonic

import pytest

from tests.ground import cgroups
from tests.manifests.kustomizations import DEPLOY, build, containers, only
from tests.realcluster.deployed_registry import DeployedRegistry
from tests.realcluster.scene import Scene
from tests.realcluster.test_deployed_registry import PUSH, TRUST
from tests.realnode.scene import HOST

pytestmark = pytest.mark.realcluster

LAYER_MIB = 2048


def test_a_layer_of_2_gib_comes_in_and_goes_out_within_the_registrys_memory(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = DeployedRegistry(cluster=scene.cluster)
    scene.kubectl("label", "namespace", "default", TRUST, PUSH)
    scene.deploy()
    registry.wait_until_ready()
    scene.wait_for_node("ok")

    began = monotonic()
    registry.push_from("default", "app/large", large_mib=LAYER_MIB)
    pushed = monotonic()
    scene.run_pod("app", f"{HOST}/app/large:v1")
    scene.wait_for_pod("app", state="Running", seconds=600)
    pulled = monotonic()

    assert_nobody_was_killed(scene)
    with capsys.disabled():
        took = f"pushed in {pushed - began:.0f} s, running after {pulled - pushed:.0f} s more"
        sys.stdout.write(f"\na layer of {LAYER_MIB} MiB: {took}\n")


def assert_nobody_was_killed(scene: Scene) -> None:
    """Though the kernel would have, at the limits of the manifest."""
    manifest = containers(only(build(DEPLOY / "registry"), "Deployment"))
    wanted = {one["name"]: one["resources"]["limits"]["memory"] for one in manifest}
    (pod,) = scene.kubectl.get("pods", "--namespace=registry")["items"]
    group = scene.cluster.node.root.name
    for status in pod["status"]["containerStatuses"]:
        container = status["containerID"].removeprefix("containerd://")
        limit = cgroups.memory_limit(group, container=container)
        assert f"{limit // 2**20}Mi" == wanted[status["name"]]
        assert status["restartCount"] == 0
