"""The agent is taken off a node of a real cluster: its files are as if it had never been there."""

import sys
from collections.abc import Mapping

import pytest

from tests.ground.kubelet import FOLDER
from tests.ground.snapshot import Entry
from tests.manifests.kustomizations import DEPLOY
from tests.realcluster.scene import Scene

pytestmark = pytest.mark.realcluster

REMOVE = DEPLOY / "remove"
_OF_THE_KUBELET = frozenset({FOLDER, "var/log", "var/lib/cni"})


def files(scene: Scene) -> Mapping[str, Entry]:
    """Every file of the node, but those of the kubelet about pods, their logs and networks."""
    return scene.cluster.node.snapshot(ignoring=_OF_THE_KUBELET)


def fleet(scene: Scene) -> str:
    """What `fleet` tells the cluster's administrator."""
    kubeconfig = str(scene.cluster.control_plane.kubeconfig)
    command = [sys.executable, "-m", "agent", "fleet", "--kubeconfig", kubeconfig]
    return scene.cluster.node.run(command).stdout


def test_removal_by_the_daemonset_leaves_the_nodes_files_as_at_the_start(scene: Scene) -> None:
    before = files(scene)
    scene.converge()
    assert files(scene) != before

    scene.kubectl("apply", f"--kustomize={REMOVE}")

    scene.wait_for_node("removed")
    assert f"{scene.cluster.node.name}   removed" in fleet(scene)
    assert files(scene) == before
    scene.kubectl("delete", f"--kustomize={REMOVE}", timeout=180)
    assert files(scene) == before
