"""Whole passes through the fakes: what is asked for, what is found, what comes out."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.evidence import ProbeStep
from agent.planning.model import CA_FILE, HOSTS_FILE
from tests.anchors import NOW, YEAR, fingerprint, trust_sha256
from tests.fakes import DISK_FULL, CrashNow
from tests.worlds import (
    KNATIVE,
    LONG,
    NEW_IP,
    OLD_IP,
    ROOT,
    SHORT,
    World,
    bundle,
    converged,
    endpoint,
    route,
    service,
)


def test_the_first_pass_makes_the_hostname_pull() -> None:
    world = World()
    world.ask(service())
    world.serve()
    assert not world.pulls()
    outcome = world.run()
    assert world.pulls()
    assert world.pulls(SHORT)
    assert outcome.in_sync
    assert outcome.files_written == 4
    assert outcome.changed == tuple(f"create {ROOT.path}/{host}" for host in (LONG, SHORT))
    assert outcome.finished == NOW


def test_what_stands_is_told_of_every_registry() -> None:
    [status] = converged().run().registries
    assert (status.registry, status.hosts) == (KNATIVE, (LONG, SHORT))
    assert (status.endpoint, status.trust_sha256) == (endpoint(), trust_sha256(1))
    assert status.reached == set(ProbeStep)
    assert status.trust_expiry == NOW + YEAR


def test_the_second_pass_changes_nothing() -> None:
    world = converged()
    effects = world.faults.effects
    outcome = world.run()
    assert (outcome.files_written, outcome.changed, outcome.in_sync) == (0, (), True)
    assert world.faults.effects == effects


def test_the_pull_follows_the_service_to_another_address() -> None:
    world = converged()
    world.serve(NEW_IP)
    world.fall_silent(OLD_IP)
    world.ask(service(NEW_IP))
    assert not world.pulls()
    assert world.run().in_sync
    assert world.pulls()


def test_a_ca_is_rotated_by_way_of_both() -> None:
    world = converged()
    for trust, signed_by in ((bundle(1, 2), 1), (bundle(1, 2), 2), (bundle(2), 2)):
        world.serve(signed_by=signed_by)
        assert world.pulls()
        world.ask(service(), trust=trust)
        assert world.run().in_sync
        assert world.pulls()
    assert world.stands(LONG) == route(OLD_IP, 2)


def test_a_wrong_ca_is_held_until_a_person_says_so() -> None:
    world = converged()
    before = world.tree()
    world.ask(service(), trust=bundle(2))
    outcome = world.run()
    assert [problem.reason for problem in outcome.problems] == [Reason.HELD]
    assert not outcome.in_sync
    assert (world.tree(), world.pulls()) == (before, True)
    forced = world.run(apply_held=True)
    assert [problem.reason for problem in forced.problems] == [Reason.UNKNOWN_AUTHORITY]
    assert not world.pulls()


def test_a_hold_outlives_the_registry_being_down() -> None:
    world = converged()
    world.ask(service(), trust=bundle(2))
    assert world.reasons() == {Reason.HELD}
    world.fall_silent()
    world.restart()
    assert world.reasons() == {Reason.HELD, Reason.CONNECTION_REFUSED}
    world.serve()
    assert world.pulls()
    assert world.reasons() == {Reason.HELD}
    world.serve(signed_by=2)
    assert world.run().in_sync
    assert world.stands(LONG) == route(OLD_IP, 2)


def test_a_hold_outlives_the_loss_of_the_files() -> None:
    world = converged()
    world.ask(service(), trust=bundle(2))
    assert world.reasons() == {Reason.HELD}
    for path in [path for path in world.files.tree if path.startswith(f"{ROOT.path}/")]:
        del world.files.tree[path]
    world.restart()
    assert world.reasons() == {Reason.HELD}
    assert world.stands(LONG) == route(OLD_IP, 1)


def test_what_worked_before_a_withdrawal_is_forgotten_with_it() -> None:
    world = converged()
    world.ask(service(label="false"))
    world.run()
    assert world.state.load_known_good().proven == {}


def test_a_held_change_is_written_once_it_works() -> None:
    world = converged()
    world.ask(service(), trust=bundle(2))
    world.run()
    world.serve(signed_by=2)
    assert world.run().in_sync
    assert world.stands(LONG) == route(OLD_IP, 2)


def test_where_nothing_works_it_is_written_and_reported() -> None:
    world = World()
    world.ask(service())
    outcome = world.run()
    assert [problem.reason for problem in outcome.problems] == [Reason.CONNECTION_REFUSED]
    assert outcome.registries[0].reached == frozenset()
    assert world.stands(LONG) == route()


def test_two_readings_of_a_change_of_both_are_a_moment_apart() -> None:
    world = converged()
    world.serve(NEW_IP, signed_by=2)
    world.ask(service(NEW_IP), trust=bundle(2))
    waits = world.stop.waits
    world.run()
    assert world.stop.waits == waits + 1


# What the world refuses


def test_without_a_view_the_last_good_one_is_kept_and_repaired() -> None:
    world = converged()
    world.lose_the_view()
    world.put_file(LONG, CA_FILE, b"")
    world.restart()
    assert world.reasons() == {Reason.MANIFESTS_UNREADABLE}
    assert world.pulls()


def test_without_a_view_a_held_bundle_is_still_held() -> None:
    world = converged()
    world.ask(service(), trust=bundle(2))
    world.run()
    world.lose_the_view()
    world.restart()
    assert world.reasons() == {Reason.MANIFESTS_UNREADABLE, Reason.HELD}
    assert world.pulls()


def test_a_runtime_that_is_not_found_is_the_outcome() -> None:
    world = converged()
    trouble = Problem(reason=Reason.NO_RUNTIME_FOUND, where="/", detail="none")
    world.runtime.trouble = NodeTrouble(trouble)
    outcome = world.run()
    assert outcome.problems == (trouble,)
    assert outcome.registries == ()


def test_a_directory_that_was_deleted_under_the_mount_is_the_outcome() -> None:
    world = converged()
    world.files.unlinked = True
    assert world.reasons() == {Reason.UNLINKED}


def test_the_runtimes_own_problems_are_told() -> None:
    world = converged()
    unset = Problem(reason=Reason.CONFIG_PATH_UNSET, where="/etc", detail="unset")
    world.runtime.problems = (unset,)
    world.runtime.reads = ()
    world.runtime.identity = "containerd 2"
    assert world.run().problems == (unset,)


def test_what_was_done_before_a_refusal_is_told() -> None:
    world = World()
    world.ask(service())
    world.serve()
    world.faults.at = 4  # known good, ledger, one directory, and then
    outcome = world.run()
    assert replace(DISK_FULL.problem, registry=str(KNATIVE)) in outcome.problems
    assert outcome.changed == (f"create {ROOT.path}/{LONG}",)
    assert outcome.files_written == 2


def test_a_view_that_cannot_be_kept_stops_nothing() -> None:
    world = World()
    world.ask(service())
    world.serve()
    world.faults.at = 1
    outcome = world.run()
    assert outcome.problems == (DISK_FULL.problem,)
    assert world.pulls()


@pytest.mark.parametrize("effect", range(1, 6))
def test_a_revoked_anchor_does_not_come_back_after_a_crash_without_a_view(effect: int) -> None:
    world = converged(trust=bundle(1, 3))
    world.ask(service(), trust=bundle(1, revoked=fingerprint(3)))
    world.faults.at, world.faults.error = world.faults.effects + effect, CrashNow()
    with suppress(CrashNow):
        world.run()
    gone = world.stands(LONG) == route()
    world.lose_the_view()
    world.restart()
    world.run()
    assert world.stands(LONG) == route() or not gone


# State lost under a live agent


def test_a_wiped_state_directory_is_written_anew() -> None:
    world = converged()
    before = world.tree()
    world.state.wipe()
    assert world.run().in_sync
    assert world.tree() == before
    world.agent.remove()
    assert world.tree() == World().tree()


def test_a_new_root_in_place_of_the_old_one_is_filled_again() -> None:
    world = converged()
    before = world.tree()
    for path in [path for path in before if path.startswith(f"{ROOT.path}/")]:
        del world.files.tree[path]
    assert world.run().in_sync
    assert world.tree() == before


def test_removal_without_a_runtime_needs_the_ledger_alone() -> None:
    world = converged()
    world.runtime.trouble = NodeTrouble(
        Problem(reason=Reason.NO_RUNTIME_FOUND, where="/", detail="none")
    )
    assert world.agent.remove().left == ()
    assert world.tree() == World().tree()


def test_removal_leaves_what_is_foreign() -> None:
    world = World()
    world.put_file("_default", HOSTS_FILE, b"theirs")
    start = world.tree()
    world.ask(service())
    world.run()
    world.agent.remove()
    assert world.tree() == start


@pytest.mark.parametrize("effect", range(1, 5))
def test_a_removal_that_is_refused_can_be_repeated(effect: int) -> None:
    world = converged()
    world.faults.at = world.faults.effects + effect
    with pytest.raises(NodeTrouble):
        world.agent.remove()
    world.agent.remove()
    assert world.tree() == World().tree()


def test_a_removal_that_could_not_look_everywhere_says_so_and_can_be_repeated() -> None:
    world = converged()
    world.files.unreadable = frozenset({ROOT.child(LONG).path})
    with pytest.raises(NodeTrouble) as refused:
        world.agent.remove()
    assert refused.value.problem.reason is Reason.PERMISSION_DENIED
    assert world.files.names(ROOT) == (LONG,)
    world.files.unreadable = frozenset()
    world.agent.remove()
    assert world.tree() == World().tree()


def test_time_passes_in_an_outcome() -> None:
    world = converged()
    world.clock.ticks = timedelta(seconds=1)
    assert world.run().seconds >= 1
    assert replace(world.run(), seconds=0).seconds == 0


def test_a_pass_that_is_told_to_stop_before_it_has_decided_changes_nothing() -> None:
    """Its probes were cut short, and say nothing about what works."""
    world = converged()
    before = world.tree()
    world.serve(NEW_IP)
    world.ask(service(NEW_IP))
    world.stop.set()
    world.run()
    assert world.tree() == before


def test_a_stop_that_cuts_the_wait_for_readers_short_leaves_the_old_anchors_to_them() -> None:
    world = converged()
    world.serve(NEW_IP, signed_by=2)
    world.ask(service(NEW_IP), trust=bundle(2))
    world.stop.on_wait = world.stop.set
    world.run()
    assert world.stands(LONG) == route(NEW_IP, 1, 2)
    world.stop.clear()
    world.stop.on_wait = lambda: None
    world.restart()
    world.run()
    assert world.stands(LONG) == route(NEW_IP, 2)
