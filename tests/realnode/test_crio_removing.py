"""`remove` where CRI-O cannot be reloaded: it goes on pulling until it is, and then all goes."""

from collections.abc import Callable, Iterator

import pytest

from tests.ground.crio import CERTIFICATES, DROP_INS
from tests.realnode.crio_scene import CrioScene, crio_scene, files_in
from tests.realnode.scene import ADDRESS, HOST, HOSTS, OTHER_ADDRESS, STATE

pytestmark = pytest.mark.realnode

PLACES = (CERTIFICATES, DROP_INS, STATE)
MADE_GOOD: dict[str, Callable[[CrioScene], None]] = {
    "a person reloads it": lambda scene: scene.runtime.reload(),
    "it is started anew": lambda scene: scene.runtime.start(),
    "the node starts without it": lambda scene: scene.runtime.stop(),
}


@pytest.fixture
def scene() -> Iterator[CrioScene]:
    with crio_scene("1.36") as made:
        yield made


@pytest.mark.parametrize("until", MADE_GOOD)
def test_its_certificates_stay_until(scene: CrioScene, until: str):
    flags = () if until == "a person reloads it" else ("--disrupt", "none")
    start = files_in(scene, PLACES)
    assert scene.agent.sync().status == 0
    scene.bus.result = "failed"

    for _ in range(2):
        refused = scene.agent.remove(*flags)
        assert (refused.status, refused.reasons) == (1, ("needs-reload",))
        assert scene.drop_in() == ""
        assert scene.authorities() == {f"{ADDRESS}:443"}
        assert scene.pull().error == ""

    MADE_GOOD[until](scene)
    removed = scene.agent.remove(*flags)
    assert (removed.status, removed.err) == (0, "")
    assert files_in(scene, PLACES) == start
    if until != "the node starts without it":
        assert f"lookup {HOST}" in scene.pull().error


def test_a_withdrawal_is_told_as_not_done_until_then(scene: CrioScene):
    assert scene.agent.sync().status == 0
    scene.manifests.service(cluster_ips=[ADDRESS], label="false")
    scene.bus.result = "failed"

    for _ in range(2):
        refused = scene.agent.sync()
        assert (refused.status, refused.reasons) == (1, ("needs-reload",))
        assert scene.authorities() == {f"{ADDRESS}:443"}

    scene.runtime.reload()
    synced = scene.agent.sync()
    assert (synced.status, synced.err) == (0, "")
    assert scene.authorities() == set()
    assert f"lookup {HOST}" in scene.pull().error


def test_so_they_stay_where_somebody_else_has_taken_the_names_meanwhile(scene: CrioScene):
    assert scene.agent.sync().status == 0
    scene.serve("other", address=OTHER_ADDRESS)
    entries = [f'[[registry]]\nprefix = "{host}"\nlocation = "{OTHER_ADDRESS}"' for host in HOSTS]
    scene.node.write(f"{DROP_INS}/60-theirs.conf", "\n".join(entries))
    scene.bus.result = "failed"

    for _ in range(2):
        assert set(scene.agent.sync().reasons) == {"needs-reload", "prefix-taken"}
        assert scene.authorities() == {f"{ADDRESS}:443"}
        assert scene.pull().error == ""

    scene.runtime.reload()
    assert set(scene.agent.sync().reasons) == {"prefix-taken"}
    assert scene.authorities() == set()
