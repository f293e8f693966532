"""What has left the drop-in is gone when CRI-O has forgotten it; until then a reload is owed."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from agent.errors import NodeTrouble, Reason
from agent.planning.crio_drop_in import parse_drop_in
from agent.planning.evidence import Proof
from agent.planning.model import HostPath
from agent.planning.registries_conf import USUAL
from tests.fake_network import FakeCrio
from tests.fakes import CrashNow
from tests.planning.crio_worlds import DEAF, DROP_IN, certificates_in, crio_world, pasts, pulled_by
from tests.planning.histories import Wish, cut, wishes
from tests.worlds import LONG, SHORT, World, bundle, service

ENDPOINT = "10.96.0.50:5000"
HANGS = Proof(reason=Reason.TIMEOUT, detail="its pull did not end in time")


def withdrawn_world() -> tuple[World, FakeCrio]:
    """Converged, and then the registry is to be withdrawn at once."""
    world, crio = crio_world()
    world.serve()
    world.ask(service(), trust=bundle())
    assert world.run().in_sync
    world.ask(service(label="false"), trust=bundle())
    return world, crio


def deaf_to_it() -> tuple[World, FakeCrio]:
    """Withdrawn on disk, and CRI-O could not be reloaded."""
    world, crio = withdrawn_world()
    crio.deaf = DEAF
    assert Reason.NEEDS_RELOAD in world.reasons()
    assert set(crio.loaded) == {LONG, SHORT}
    assert DROP_IN not in world.files.tree
    return world, crio


def reloaded_by_a_person(crio: FakeCrio) -> None:
    crio.deaf = None
    crio.reload()
    crio.deaf = DEAF


def test_what_is_withdrawn_is_forgotten_in_the_same_pass() -> None:
    world, crio = withdrawn_world()
    world.run()
    assert crio.loaded == {}
    reloads = crio.reloads
    world.restart()
    world.run()
    assert (crio.reloads, world.state.load_ledger().lingering) == (reloads, {})


def test_killed_before_the_reload_the_next_process_makes_good_for_it() -> None:
    world, crio = withdrawn_world()
    crio.deaf = CrashNow()  # type: ignore[assignment] - what ends the process is no refusal
    with pytest.raises(CrashNow):
        world.run()
    assert DROP_IN not in world.files.tree
    assert set(crio.loaded) == {LONG, SHORT}
    crio.deaf = None
    world.restart()
    world.run()
    assert crio.loaded == {}


def test_a_refused_reload_is_owed_and_told_in_every_pass_until_it_is_done() -> None:
    world, crio = deaf_to_it()
    for _ in range(3):
        world.restart()
        assert Reason.NEEDS_RELOAD in world.reasons()
        assert certificates_in(world) == {ENDPOINT}
    crio.deaf = None
    assert Reason.NEEDS_RELOAD not in world.reasons()
    assert crio.loaded == {}
    world.run()
    assert certificates_in(world) == set()


def test_so_it_is_when_none_is_allowed() -> None:
    world, crio = withdrawn_world()
    world.may_reload = False
    for _ in range(3):
        world.restart()
        assert Reason.NEEDS_RELOAD in world.reasons()
        assert pulled_by(crio) == [LONG, SHORT]


def test_it_is_no_longer_owed_when_a_person_has_done_it() -> None:
    world, crio = deaf_to_it()
    reloaded_by_a_person(crio)
    assert world.reasons() == set()
    assert certificates_in(world) == set()


def test_a_pull_that_does_not_end_shows_nothing() -> None:
    world, crio = deaf_to_it()
    crio.answer = HANGS
    assert Reason.NEEDS_RELOAD in world.reasons()
    assert certificates_in(world) == {ENDPOINT}


def test_a_name_that_is_asked_for_again_no_longer_lingers() -> None:
    world, _ = deaf_to_it()
    world.ask(service(), trust=bundle())
    world.run()
    assert world.state.load_ledger().lingering == {}


def test_a_name_that_somebody_else_configures_is_his_once_crio_has_read_it() -> None:
    world, crio = crio_world()
    world.serve()
    world.ask(service(), trust=bundle())
    assert world.run().in_sync
    theirs = HostPath("/etc/containers/registries.conf.d/60-theirs.conf")
    crio.conf = replace(USUAL, prefixes={LONG: theirs, SHORT: theirs})
    crio.deaf = DEAF
    for _ in range(3):
        assert Reason.NEEDS_RELOAD in world.reasons()
        assert pulled_by(crio) == [LONG, SHORT]
        world.restart()
    crio.loaded = dict.fromkeys((LONG, SHORT), "10.0.0.9:443")
    assert Reason.NEEDS_RELOAD not in world.reasons()
    assert certificates_in(world) == set()


def test_remove_leaves_the_certificates_to_a_crio_that_cannot_be_reloaded() -> None:
    world, crio = crio_world()
    before = world.tree()
    world.serve()
    world.ask(service(), trust=bundle())
    world.run()
    crio.deaf = DEAF
    for _ in range(2):
        with pytest.raises(NodeTrouble) as refused:
            world.agent.remove()
        assert refused.value.problem.reason is Reason.NEEDS_RELOAD
        assert pulled_by(crio) == [LONG, SHORT]
        assert DROP_IN not in world.files.tree
        world.restart()
    reloaded_by_a_person(crio)
    assert world.agent.remove().left == ()
    assert world.tree() == before


def test_remove_leaves_the_certificates_that_a_changed_drop_in_needs() -> None:
    world, crio = withdrawn_world()
    world.files.tree[DROP_IN] = (world.files.tree[DROP_IN] or b"") + b"# mine\n"
    left = {problem.where: problem.reason for problem in world.agent.remove().left}
    certificates = f"{USUAL.certificates.path}/{ENDPOINT}/ca.crt"
    assert left == dict.fromkeys((DROP_IN, certificates), Reason.CHANGED_BY_OTHERS)
    crio.reload()
    assert pulled_by(crio) == [LONG, SHORT]


@given(past=pasts)
def test_what_a_deaf_crio_pulled_it_pulls_after_remove_too(past: list[Wish]) -> None:
    world, crio = crio_world(past)
    pulled = pulled_by(crio)
    event(f"{len(pulled)} were pulled")
    crio.deaf = DEAF
    for _ in range(2):
        with suppress(NodeTrouble):
            world.agent.remove()
        assert [host for host in pulled if not crio.pull(host).effective] == []
        world.restart()


@pytest.mark.parametrize("runs", [True, False])
def test_so_it_is_when_none_is_allowed_while_one_runs(runs: bool) -> None:
    world, crio = withdrawn_world()
    world.may_reload = False
    world.restart()
    crio.pid = 7 if runs else None
    if runs:
        with pytest.raises(NodeTrouble):
            world.agent.remove()
        assert pulled_by(crio) == [LONG, SHORT]
    else:
        assert world.agent.remove().left == ()


@given(past=pasts, wish=wishes(withdrawing=True), cut_at=st.integers(1, 12), late=st.booleans())
def test_two_passes_after_one_that_was_cut_anywhere_crio_knows_no_name_that_has_left(
    past: list[Wish],
    wish: Wish,
    cut_at: int,
    late: bool,
) -> None:
    world, crio = crio_world(past)
    wish.come_true(world)
    cut(world, cut_at, late=late)
    world.run()
    world.run()
    assert set(crio.loaded) <= set(parse_drop_in(world.files.tree.get(DROP_IN) or b""))


@given(past=pasts, cut_at=st.integers(1, 12), late=st.booleans())
def test_a_removal_cut_anywhere_is_ended_by_the_next_and_crio_knows_nothing(
    past: list[Wish],
    cut_at: int,
    late: bool,
) -> None:
    before = crio_world()[0].tree()
    world, crio = crio_world(past)
    cut(world, cut_at, late=late, remove=True)
    world.agent.remove()
    assert world.tree() == before
    assert crio.loaded == {}
