"""The agent is taken off a node of a real cluster: its files are as if it had never been there."""

import sys
from collections.abc import Mapping

import pytest

from tests.ground.kubelet import FOLDER
from tests.ground.snapshot import Entry
from tests.realcluster.scene import AGENT, Scene

pytestmark = pytest.mark.realcluster

_OF_THE_KUBELET = frozenset({FOLDER, "var/log"})


def files(scene: Scene) -> Mapping[str, Entry]:
    """Every file of the node, but those in which the kubelet keeps pods and logs."""
    return scene.cluster.node.snapshot(ignoring=_OF_THE_KUBELET)


def test_removal_leaves_the_nodes_files_as_at_the_start(scene: Scene) -> None:
    before = files(scene)
    scene.converge()
    assert files(scene) != before

    scene.kubectl("delete", f"daemonset/{AGENT}", f"--namespace={AGENT}", "--cascade=foreground")
    root = str(scene.cluster.node.root)
    done = scene.cluster.node.run([sys.executable, "-m", "agent", "remove", "--host-root", root])

    assert done.returncode == 0, done.stderr
    assert files(scene) == before
