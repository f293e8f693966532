"""The agent killed at every step of a change on CRI-O: pulls work, before and after any reload.

What it leaves must serve the CRI-O that has read the old drop-in and one that reads what lies
there now, for a person or a restart may reload it at any time; and the next `sync` must converge.
"""

from collections.abc import Iterator

import pytest

from tests.ground.certificates import Authority
from tests.ground.crio import CERTIFICATES, DROP_INS
from tests.realnode.crio_scene import CrioScene, crio_scene, files_in
from tests.realnode.killing import SavedDisk, forks_of
from tests.realnode.scene import ADDRESS, HOST, OTHER_ADDRESS, STATE

pytestmark = pytest.mark.realnode

PLACES = (CERTIFICATES, DROP_INS, STATE)
NAMES = frozenset({"renameat2", "?renameat", "renameat", "unlinkat", "mkdirat"})


@pytest.fixture
def scene() -> Iterator[CrioScene]:
    with crio_scene("1.36") as made:
        yield made


def test_a_change_of_ca_and_endpoint_together(scene: CrioScene):
    second = Authority.create(name="second CA")
    scene.serve("other", address=OTHER_ADDRESS, authority=second)
    assert scene.agent.sync().status == 0
    scene.ask_for(address=OTHER_ADDRESS, pem=second.pem)
    start = SavedDisk(scene, PLACES)

    drop_ins = set()
    with forks_of(scene) as forks:
        moments = [moment for moment in forks.moments("sync") if moment.name in NAMES]
        for moment in moments:
            start.restore()
            scene.runtime.reload()
            assert forks.kill_at(moment, "sync"), f"not reached: {moment}"
            drop_ins.add(scene.drop_in())
            assert scene.pull().error == "", moment
            scene.runtime.reload()
            assert scene.pull().error == "", moment
            assert forks.call("sync")[0] == 0, moment
            assert scene.pull().error == "", moment
            assert f'"{OTHER_ADDRESS}:443"' in scene.drop_in(), moment

    assert len(drop_ins) == 2
    assert f'"{ADDRESS}:443"' not in scene.drop_in()


def test_a_withdrawal_which_the_next_sync_makes_crio_forget(scene: CrioScene):
    assert scene.agent.sync().status == 0
    scene.manifests.service(cluster_ips=[ADDRESS], label="false")
    start = SavedDisk(scene, PLACES)

    found, in_memory_only = [], 0
    with forks_of(scene) as forks:
        for moment in [item for item in forks.moments("sync") if item.name in {*NAMES, "fsync"}]:
            start.restore()
            scene.runtime.reload()
            assert forks.kill_at(moment, "sync"), f"not reached: {moment}"
            if (there := (files_in(scene, PLACES), scene.pull().error)) in found:
                continue
            found.append(there)
            in_memory_only += not scene.drop_in() and not there[1]
            assert forks.call("sync")[0] == 0, moment
            assert f"lookup {HOST}" in scene.pull().error, moment

    assert in_memory_only
