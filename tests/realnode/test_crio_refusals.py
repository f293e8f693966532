"""What the agent refuses or reports on CRI-O, each with its reason; nothing else suffers."""

from collections.abc import Iterator

import pytest

from tests.ground.crio import DROP_INS
from tests.ground.fronts import PULL_SECRET, Basic, encoded
from tests.realnode.crio_ground import entry
from tests.realnode.crio_scene import CrioScene, crio_scene
from tests.realnode.scene import ADDRESS, DEAD_ADDRESS, HOST, REPOSITORY, SHORT_HOST

pytestmark = pytest.mark.realnode

IPV6 = "fd00:10:96::50"
BY_NAME = f"lookup {HOST}"


@pytest.fixture
def version() -> str:
    return "1.36"


@pytest.fixture
def scene(version: str) -> Iterator[CrioScene]:
    with crio_scene(version) as made:
        yield made


@pytest.mark.parametrize("place", [DROP_INS, "root/.config/containers/registries.conf.d"])
def test_a_name_that_a_drop_in_of_somebody_else_has_is_theirs_and_the_others_are_served(
    scene: CrioScene, place: str
):
    theirs = scene.node.write(f"{place}/40-foreign.conf", entry(location=f"{DEAD_ADDRESS}:443"))
    text = theirs.read_text()

    synced = scene.agent.sync()

    assert synced.status == 1
    assert "prefix-taken" in synced.reasons
    assert theirs.read_text() == text
    assert f'"{HOST}"' not in scene.drop_in()
    assert scene.pull(f"{SHORT_HOST}/{REPOSITORY}").error == ""
    theirs.unlink()
    assert scene.agent.sync().status == 0
    assert scene.pull().error == ""


def test_a_file_in_roots_home_that_hides_ours_is_told(scene: CrioScene):
    theirs = scene.node.write(
        "root/.config/containers/registries.conf", "unqualified-search-registries = []\n"
    )

    synced = scene.agent.sync()

    assert synced.status == 1
    assert "user-registries-conf" in synced.reasons
    theirs.unlink()
    scene.runtime.reload()
    assert scene.agent.sync().status == 0
    assert scene.pull().error == ""


def test_certificates_in_roots_home_that_go_before_ours_are_told(scene: CrioScene):
    home = "root/.config/containers/certs.d"
    theirs = scene.node.root / home / f"{ADDRESS}:443"
    theirs.mkdir(parents=True)

    synced = scene.agent.sync()
    doctor = scene.agent.call("doctor")

    assert synced.status == 1
    assert "shadowed" in synced.reasons
    assert f"/{home}/{ADDRESS}:443" in synced.err
    assert "shadowed" in doctor.out
    assert "unknown authority" in scene.pull().error
    (theirs / "ca.crt").write_text(scene.authority.pem)
    assert scene.pull().error == ""
    assert "shadowed" in scene.agent.sync().reasons
    (theirs / "ca.crt").unlink()
    theirs.rmdir()
    assert scene.agent.sync().status == 0
    assert scene.pull().error == ""


def test_a_broken_drop_in_of_somebody_else_is_told_and_left(scene: CrioScene):
    theirs = scene.node.write(f"{DROP_INS}/60-broken.conf", "[[registry\n")

    synced = scene.agent.sync()

    assert synced.status == 1
    assert "registries-conf-broken" in synced.reasons
    assert theirs.read_text() == "[[registry\n"


def test_a_service_with_ipv6_alone_is_refused(scene: CrioScene):
    scene.serve("six", address=IPV6)
    scene.manifests.service(cluster_ips=[IPV6])
    start = scene.node.snapshot()

    synced = scene.agent.sync()

    assert synced.status == 1
    assert "no-ipv4-address" in synced.reasons
    assert scene.agent.remove().status == 0
    assert scene.node.snapshot() == start


def test_of_two_families_ipv4_is_taken(scene: CrioScene):
    scene.serve("six", address=IPV6)
    scene.manifests.service(cluster_ips=[IPV6, ADDRESS])

    synced = scene.agent.sync()

    assert synced.status == 0, synced.err
    assert IPV6 not in scene.drop_in()
    assert scene.pull().error == ""


@pytest.mark.parametrize("version", ["1.34"])
def test_a_name_that_resolves_into_loopback_is_not_in_sync_where_crio_then_verifies_nothing(
    scene: CrioScene,
):
    assert scene.agent.sync().status == 0
    scene.node.write("etc/hosts", f"127.0.0.1 {HOST}\n")
    scene.runtime.start()

    synced = scene.agent.sync()

    assert synced.status == 1
    assert "name-resolves-to-loopback" in synced.reasons


def test_without_leave_to_reload_the_files_wait_for_a_person(scene: CrioScene):
    synced = scene.agent.sync("--disrupt", "none")

    assert synced.status == 1
    assert "needs-reload" in synced.reasons
    assert ADDRESS in scene.drop_in()
    assert BY_NAME in scene.pull().error
    scene.runtime.reload()
    assert scene.pull().error == ""
    again = scene.agent.sync("--disrupt", "none")
    assert (again.status, again.err) == (0, "")


def test_doctor_tells_the_entry_that_the_nodes_auth_file_needs_until_it_is_there(
    scene: CrioScene,
):
    scene.registry.switch_answers("main", Basic())
    auth_file = "/var/lib/kubelet/config.json"
    scene.runtime.furnish(image=f'global_auth_file = "{auth_file}"\n')
    scene.runtime.start()
    assert scene.agent.sync().status == 0

    told = scene.agent.call("doctor").out
    entry_told = told.partition("must have ")[2].partition("\n")[0].strip()
    scene.node.write(auth_file, entry_told.replace("BASE64 OF NAME:PASSWORD", encoded(PULL_SECRET)))

    assert "needs-node-auth" in told
    assert "needs-node-auth" not in scene.agent.call("doctor").out
    assert scene.pull().error == ""
