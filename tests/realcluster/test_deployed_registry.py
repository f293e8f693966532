"""All of `deploy/` on a real cluster, from nothing: agent, registry, certificate, and an image."""

import sys
from pathlib import Path
from time import monotonic

import pytest

from tests.manifests.kustomizations import DEPLOY, overlay
from tests.realcluster.deployed_registry import DeployedRegistry
from tests.realcluster.scene import SERVICE, Scene
from tests.realnode.scene import HOST

pytestmark = pytest.mark.realcluster

TRUST, PUSH = ("registry-node-agent.internal/trust=true", "registry-node-agent.internal/push=true")


def test_nothing_but_the_manifests_is_needed_to_push_an_image_and_run_it(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = DeployedRegistry(cluster=scene.cluster)
    scene.kubectl("label", "namespace", "default", TRUST, PUSH)

    scene.deploy()

    registry.wait_until_ready()
    registry.push_from("default", "app/demo")
    scene.run_pod("app", f"{HOST}/app/demo:v1")
    scene.wait_for_pod("app", state="Running")
    scene.wait_for_node("ok")

    gap = _seconds_until_it_serves_again(scene, registry)
    with capsys.disabled():
        sys.stdout.write(
            f"\na Service made anew, with another ClusterIP: served again after {gap:.1f} s\n"
        )


def _seconds_until_it_serves_again(scene: Scene, registry: DeployedRegistry) -> float:
    """From the deletion of the Service to a pod that runs an image by its new address."""
    before = registry.address
    began = monotonic()
    scene.kubectl("delete", *SERVICE)
    scene.kubectl("apply", f"--kustomize={DEPLOY}")
    assert registry.address != before
    scene.run_pod("again", f"{HOST}/app/demo:v1")
    scene.wait_for_pod("again", state="Running")
    gap = monotonic() - began
    scene.wait_for_node("ok")
    return gap


def test_a_pod_runs_an_image_by_a_certificate_of_ones_own(scene: Scene, tmp_path: Path) -> None:
    registry = DeployedRegistry(cluster=scene.cluster)
    parts = [DEPLOY / part for part in ("namespaces", "base", "registry")]
    scene.kubectl("apply", f"--kustomize={overlay(tmp_path, resources=parts)}")
    scene.wait_for_node("degraded", "no-trust-bundle")
    scene.run_pod("app", f"{HOST}/app/demo:v1")
    scene.wait_for_pod("app", state="ErrImagePull")

    registry.make_certificate()
    registry.wait_until_ready()
    registry.push("app/demo")

    scene.wait_for_pod("app", state="Running")
    scene.wait_for_node("ok")
