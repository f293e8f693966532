"""`remove` killed wherever it is to change a directory, or has, on CRI-O: the next one ends it.

Also where the kill came before the reload: what CRI-O goes by is in its memory too.
"""

import pytest

from tests.ground.crio import CERTIFICATES, DROP_INS
from tests.realnode.crio_scene import crio_scene, files_in
from tests.realnode.killing import SavedDisk, forks_of
from tests.realnode.scene import HOST, STATE

pytestmark = pytest.mark.realnode

PLACES = (CERTIFICATES, DROP_INS, STATE)
CALLS = {"openat", "mkdirat", "renameat", "renameat2", "unlinkat", "fsync"}
"""With fsync, which comes after such a call and before what is done next: a reload above all."""


def test_the_next_remove_puts_all_back_and_crio_no_longer_goes_by_it():
    with crio_scene("1.36") as scene, forks_of(scene) as forks:
        start = files_in(scene, PLACES)
        assert forks.call("sync")[0] == 0
        whole, disk = scene.drop_in(), SavedDisk(scene, PLACES)

        seen = []
        for moment in [moment for moment in forks.moments("remove") if moment.name in CALLS]:
            disk.restore()
            scene.runtime.reload()
            assert forks.kill_at(moment, "remove"), f"not reached: {moment}"
            found = files_in(scene, PLACES)
            if found in seen:
                continue
            seen.append(found)
            assert scene.drop_in() in {"", whole}, moment
            assert forks.call("remove")[0] == 0, moment
            assert files_in(scene, PLACES) == start, moment
            assert f"lookup {HOST}" in scene.pull().error, moment

        assert len(seen) > 1
