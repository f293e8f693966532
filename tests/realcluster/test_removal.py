"""The agent is taken off a node of a real cluster: its files are as if it had never been there."""

import json
import sys
from collections.abc import Mapping

import pytest

from tests.ground.kubelet import FOLDER
from tests.ground.snapshot import Entry
from tests.realcluster.scene import AGENT, Scene

pytestmark = pytest.mark.realcluster

DAEMONSET = (f"daemonset/{AGENT}", f"--namespace={AGENT}")
_ARGUMENTS = "/spec/template/spec/containers/0/args"
_REMOVE = [
    {"op": "replace", "path": f"{_ARGUMENTS}/0", "value": "remove"},
    {"op": "add", "path": f"{_ARGUMENTS}/1", "value": "--stay"},
]
_OF_THE_KUBELET = frozenset({FOLDER, "var/log"})


def files(scene: Scene) -> Mapping[str, Entry]:
    """Every file of the node, but those in which the kubelet keeps pods and logs."""
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

    scene.kubectl("patch", *DAEMONSET, "--type=json", f"--patch={json.dumps(_REMOVE)}")

    scene.wait_for_node("removed")
    assert f"{scene.cluster.node.name}   removed" in fleet(scene)
    assert files(scene) == before
    scene.kubectl("delete", f"--kustomize={scene.overlay}", timeout=180)
    assert files(scene) == before
