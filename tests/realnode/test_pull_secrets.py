"""Registries that ask for a pull secret: containerd hands a pod's secret over, CRI-O does not.

CRI-O needs an entry for the address in the node's own auth file.
"""

import json

import pytest

from tests.ground.fronts import PULL_SECRET, Basic, encoded
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.crio_ground import OURS, CrioGround, entry
from tests.realnode.scene import ADDRESS, HOST, IMAGE, Scene

pytestmark = pytest.mark.realnode

AUTH_FILE = "/var/lib/kubelet/config.json"
ASKED = "authentication required"


@pytest.fixture
def ground(crio_ground: CrioGround) -> CrioGround:
    """A registry that lets nobody in without its pull secret, by a drop-in that CRI-O has read."""
    crio_ground.serve()
    crio_ground.registry.switch_answers(ADDRESS, Basic())
    crio_ground.trust()
    crio_ground.write(OURS, entry())
    crio_ground.crio.furnish(image=f'global_auth_file = "{AUTH_FILE}"\n')
    crio_ground.crio.start()
    return crio_ground


@pytest.mark.parametrize("containerd_version", ["1.6", "2.1", "2.3"])
def test_containerd_hands_a_pods_pull_secret_to_the_address(node: Node, registry: Registry):
    scene = Scene(node=node, registry=registry)
    scene.start()
    registry.switch_answers("main", Basic())

    synced = scene.agent.sync()
    without = scene.pull()
    with_secret = node.containerd.cri.pull(IMAGE, timeout=60, secret=PULL_SECRET)

    assert synced.status == 0, synced.err
    assert "401" in without.error or "no basic auth credentials" in without.error
    assert with_secret.error == ""


def test_crio_keeps_it_from_the_address_and_takes_the_nodes_own_entry_for_the_address_alone(
    ground: CrioGround,
):
    assert ASKED in ground.crio.pull(IMAGE, secret=PULL_SECRET).error
    write_auth(ground, HOST)
    assert ASKED in ground.error()
    write_auth(ground, f"{ADDRESS}:443")
    assert ground.error() == ""


def write_auth(ground: CrioGround, place: str) -> None:
    auths = {place: {"auth": encoded(PULL_SECRET)}}
    ground.write(AUTH_FILE, json.dumps({"auths": auths}))
