"""What the agent relies on in CRI-O, shown on the real program: which files it reads, and when."""

import signal

import pytest

from tests.ground.certificates import Authority
from tests.ground.crio import CERTIFICATES, DROP_INS
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.realnode.crio_ground import OURS, CrioGround, entry
from tests.realnode.scene import ADDRESS, DEAD_ADDRESS, HOST, REPOSITORY

pytestmark = pytest.mark.realnode

BY_NAME, DISTRUSTS = f"lookup {HOST}", "unknown authority"
ELSEWHERE = entry(location=f"{DEAD_ADDRESS}:443")
ROOTS = "root/.config/containers"


@pytest.fixture
def ground(crio_ground: CrioGround) -> CrioGround:
    """CRI-O is started and trusts the registry, but is told of no other place for its name."""
    crio_ground.serve()
    crio_ground.trust()
    crio_ground.crio.start()
    return crio_ground


@pytest.fixture
def told(ground: CrioGround) -> CrioGround:
    """CRI-O has loaded a drop-in, and pulls."""
    ground.write(OURS, entry())
    ground.crio.reload()
    assert ground.error() == ""
    return ground


def test_a_drop_in_is_read_at_a_reload_and_certificates_at_every_pull(ground: CrioGround):
    assert BY_NAME in ground.error()
    ground.write(OURS, entry())
    assert BY_NAME in ground.error()
    ground.crio.reload()
    assert ground.error() == ""
    ground.trust(Authority.create(name="other"))
    assert DISTRUSTS in ground.error()


def test_with_automatic_reloads_a_drop_in_that_is_renamed_into_place_is_read(ground: CrioGround):
    ground.crio.furnish(image="auto_reload_registries = true\n")
    ground.crio.start()
    assert BY_NAME in ground.error()
    ground.write(f"{DROP_INS}/.50-ours.new", entry()).rename(ground.node.root / OURS)
    wait_until(lambda: not ground.error(), what="CRI-O has reloaded by itself")


def test_a_broken_drop_in_changes_nothing_until_the_next_start_and_prevents_that(told: CrioGround):
    told.write(f"{DROP_INS}/60-broken.conf", "[[registry\n")
    told.crio.process.send_signal(signal.SIGHUP)
    wait_until(
        lambda: "60-broken.conf" in told.crio.log.read_text(), what="CRI-O tells of the broken file"
    )
    assert told.error() == ""
    with pytest.raises(NodeTroubleError, match="invalid registries"):
        told.crio.start()


def test_a_name_with_its_port_needs_an_entry_of_its_own(told: CrioGround):
    image = f"{HOST}:443/{REPOSITORY}"
    assert "rewriting reference: invalid reference format" in told.error(image)
    told.write(OURS, entry() + entry(f"{HOST}:443"))
    told.crio.reload()
    assert told.error(image) == told.error() == ""


def test_of_two_files_with_one_prefix_the_later_wins_and_any_drop_in_over_the_main_file(
    told: CrioGround,
):
    told.write("etc/containers/registries.conf", ELSEWHERE)
    told.write(f"{DROP_INS}/40-foreign.conf", ELSEWHERE)
    told.crio.reload()
    assert told.error() == ""
    told.write(f"{DROP_INS}/60-foreign.conf", ELSEWHERE)
    told.crio.reload()
    assert DEAD_ADDRESS in told.error()


def test_of_two_prefixes_the_longer_wins(told: CrioGround):
    wildcard = HOST.replace("knative.registry", "*")
    told.write(f"{DROP_INS}/60-foreign.conf", entry(wildcard, location=f"{DEAD_ADDRESS}:443"))
    told.crio.reload()
    assert told.error() == ""
    (told.node.root / OURS).unlink()
    told.crio.reload()
    assert DEAD_ADDRESS in told.error()


def test_registries_conf_in_roots_home_hides_all_that_stands_in_etc(told: CrioGround):
    theirs = told.write(f"{ROOTS}/registries.conf", "unqualified-search-registries = []\n")
    told.crio.reload()
    assert BY_NAME in told.error()
    theirs.unlink()
    told.crio.reload()
    assert told.error() == ""


def test_drop_ins_in_roots_home_win_over_those_in_etc(told: CrioGround):
    told.write(f"{ROOTS}/registries.conf.d/10-foreign.conf", ELSEWHERE)
    told.crio.reload()
    assert DEAD_ADDRESS in told.error()


def test_an_ipv6_address_is_no_location(told: CrioGround):
    told.write(OURS, entry(location="[fd00:10:96::50]:443"))
    told.crio.reload()
    assert "rewriting reference: invalid reference format" in told.error()


def test_a_stray_key_beside_the_certificates_fails_every_pull(told: CrioGround):
    told.write(f"{CERTIFICATES}/{ADDRESS}:443/tls.key", "")
    assert "missing client certificate tls.cert" in told.error()


def test_before_1_35_a_name_that_resolves_into_loopback_is_pulled_without_verification(
    told: CrioGround,
):
    told.trust(Authority.create(name="other"))
    assert DISTRUSTS in told.error()
    told.write("etc/hosts", f"127.0.0.1 {HOST}\n")
    told.crio.start()
    verified = DISTRUSTS in told.error()
    assert verified is (told.version != "1.34")
