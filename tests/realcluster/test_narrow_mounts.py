"""The component narrow-mounts shows the agent enough of a node to keep it, and to put it back."""

from pathlib import Path

import pytest

from tests.manifests.kustomizations import DEPLOY, overlay
from tests.realcluster.scene import Scene
from tests.realcluster.test_removal import files

pytestmark = pytest.mark.realcluster

MOUNTED = "var/lib/registry-node-agent"


def test_a_node_is_kept_and_put_back_with_narrow_mounts(scene: Scene, tmp_path: Path) -> None:
    before = files(scene)
    narrow, removal = tmp_path / "narrow", tmp_path / "removal"
    narrow.mkdir()
    removal.mkdir()
    overlay(narrow, "narrow-mounts", resources=[DEPLOY / "base"])
    overlay(removal, "remove", resources=[narrow])

    scene.start()
    scene.kubectl("apply", f"--kustomize={narrow}")
    scene.wait_for_node("ok")

    scene.kubectl("apply", f"--kustomize={removal}")
    scene.wait_for_node("removed")
    after = files(scene)
    assert {path for path in after if path not in before} == {MOUNTED}
    assert all(after[path] == before[path] for path in before)
