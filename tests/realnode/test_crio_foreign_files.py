"""CRI-O judges each file by itself: nothing that others write turns our drop-in into a bad one.

So no drop-in of ours has to be rolled back: what CRI-O refuses is a file of somebody else, it is
named, and with that file gone CRI-O reads ours, at a reload and at a start.
"""

import signal
from collections.abc import Iterator

import pytest

from agent.planning.model import HostPath
from agent.planning.registries_conf import MAIN, read_others
from tests.ground.crio import DROP_INS
from tests.ground.namespaces import wait_until
from tests.ground.programs import CRIO_VERSIONS
from tests.realnode.crio_scene import DROP_IN, CrioScene, crio_scene
from tests.realnode.registries_files import ACCEPTED, REFUSED
from tests.realnode.scene import ADDRESS, HOST

pytestmark = pytest.mark.realnode

PLACES = (str(MAIN).lstrip("/"), f"{DROP_INS}/40-theirs.conf", f"{DROP_INS}/60-theirs.conf")
VERDICTS = {"Applied new registry configuration": True, "system registries reload failed": False}


@pytest.fixture(params=CRIO_VERSIONS)
def scene(request: pytest.FixtureRequest) -> Iterator[CrioScene]:
    with crio_scene(str(request.param)) as made:
        assert made.agent.sync().status == 0
        yield made


def test_whatever_it_accepts_stands_with_ours_wherever_it_lies(scene: CrioScene):
    for text in ACCEPTED.values():
        for place in PLACES:
            file = scene.node.write(place, text)
            assert is_taken(scene), (place, text)
            assert says_so(place, text), (place, text)
            file.unlink()
    for number, text in enumerate(ACCEPTED.values()):
        scene.node.write(f"{DROP_INS}/{40 + number}-theirs.conf", text)
    scene.runtime.start()
    assert scene.pull().error == ""


def test_what_it_refuses_is_known_by_the_same_rules(scene: CrioScene):
    for text in REFUSED.values():
        place = PLACES[-1]
        file = scene.node.write(place, text)
        assert not is_taken(scene), text
        assert not says_so(place, text), text
        assert scene.pull().error == ""
        file.unlink()
    old = REFUSED["version 1"]  # which the main file may be of, and then wholly
    for text, taken in {old: True, f"{ACCEPTED['a mode of short names']}{old}": False}.items():
        scene.node.write(PLACES[0], text)
        assert is_taken(scene) is says_so(PLACES[0], text) is taken


def test_a_change_waits_until_the_broken_file_is_gone(scene: CrioScene):
    broken = scene.node.write(f"{DROP_INS}/60-theirs.conf", REFUSED["a prefix without a location"])
    scene.manifests.service(cluster_ips=[ADDRESS], label="false")
    reloads = scene.bus.reloads

    for _ in range(2):
        refused = scene.agent.sync()
        assert (refused.status, refused.reasons) == (1, ("registries-conf-broken",))
        assert "60-theirs.conf: a.example has no location" in refused.err
        assert scene.pull().error == ""
    assert scene.bus.reloads == reloads

    broken.unlink()
    synced = scene.agent.sync()
    assert (synced.status, synced.err) == (0, "")
    assert f"lookup {HOST}" in scene.pull().error


def test_our_own_file_spoilt_on_disk_is_written_anew_before_the_next_start(scene: CrioScene):
    whole = scene.drop_in()
    header, _, rest = whole.partition("\n")
    for spoilt in ("", f"{header}\n[[registry\n", f"{header}\n{rest[:40]}"):
        scene.node.write(DROP_IN, spoilt)
        synced = scene.agent.sync()
        assert (synced.status, synced.err) == (0, "")
        assert scene.drop_in() == whole
    scene.runtime.start()
    assert scene.pull().error == ""


def is_taken(scene: CrioScene) -> bool:
    """Whether CRI-O takes what lies there now, when it is told to read it."""
    before = len(verdicts(scene))
    scene.runtime.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(verdicts(scene)) > before, what="CRI-O says whether it takes the files")
    return verdicts(scene)[-1]


def verdicts(scene: CrioScene) -> list[bool]:
    """What it has said of each reload so far."""
    lines = scene.runtime.log.read_text().splitlines()
    return [good for line in lines for words, good in VERDICTS.items() if words in line]


def says_so(place: str, text: str) -> bool:
    """Whether the agent takes the file for a good one."""
    return read_others([(HostPath(f"/{place}"), text.encode())]).problems == ()
