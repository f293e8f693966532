"""A node that refuses a part of a pass: that part is told, and the rest of the node goes on."""

import pytest

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.evidence import ProbeStep
from agent.planning.model import CA_FILE, HOSTS_FILE, RegistryName
from agent.planning.outcome import Outcome, RegistryStatus
from tests.anchors import NOW, YEAR, trust_sha256
from tests.fakes import DISK_FULL
from tests.reconciler.test_loop import Wake, passes
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

ZETA = RegistryName(namespace="registry", name="zeta")
ZETA_LONG, ZETA_SHORT = (host.replace("knative", "zeta") for host in (LONG, SHORT))
ZETA_IP, ZETA_NEW_IP = "10.96.0.60", "10.96.0.61"
READ_ONLY = Reason.READ_ONLY_FILE_SYSTEM
LOCKED_OUT = NodeTrouble(Problem(reason=READ_ONLY, where="/var/lib/agent", detail="read-only"))


@pytest.fixture
def world() -> World:
    """Two registries, one of which has a directory that nobody may write to."""
    made = converged(service(), service(ZETA_IP, name="zeta"))
    made.files.read_only = frozenset({ROOT.child(LONG).path})
    return made


def refused(outcome: Outcome) -> set[tuple[Reason, str]]:
    return {(problem.reason, problem.registry) for problem in outcome.problems}


def status_of(registry: RegistryName, outcome: Outcome) -> RegistryStatus:
    return next(status for status in outcome.registries if status.registry == registry)


def test_a_directory_that_refuses_keeps_no_other_registry_from_its_new_ca(world: World) -> None:
    world.ask(service(), service(ZETA_IP, name="zeta"), trust=bundle(1, 2))
    outcome = world.run()
    assert refused(outcome) == {(READ_ONLY, str(KNATIVE))}
    assert world.stands(ZETA_LONG) == world.stands(ZETA_SHORT) == route(ZETA_IP, 1, 2)
    assert world.stands(SHORT) == route(OLD_IP, 1, 2)
    assert world.stands(LONG) == route(OLD_IP, 1)
    world.serve(ZETA_IP, signed_by=2)
    assert world.pulls(ZETA_LONG)


def test_nor_from_its_new_endpoint(world: World) -> None:
    world.serve(NEW_IP)
    world.serve(ZETA_NEW_IP)
    world.ask(service(NEW_IP), service(ZETA_NEW_IP, name="zeta"))
    assert refused(world.run()) == {(READ_ONLY, str(KNATIVE))}
    assert world.stands(ZETA_LONG) == world.stands(ZETA_SHORT) == route(ZETA_NEW_IP)


def test_each_status_tells_what_is_on_disk(world: World) -> None:
    world.ask(service(), service(ZETA_IP, name="zeta"), trust=bundle(1, 2))
    outcome = world.run()
    assert status_of(KNATIVE, outcome).trust_sha256 == trust_sha256(1)
    assert status_of(ZETA, outcome).trust_sha256 == trust_sha256(1, 2)
    for registry, hosts in ((KNATIVE, {LONG, SHORT}), (ZETA, {ZETA_LONG, ZETA_SHORT})):
        assert set(status_of(registry, outcome).hosts) == hosts
        assert status_of(registry, outcome).reached == set(ProbeStep)


def test_when_it_refuses_no_more_it_is_brought_along(world: World) -> None:
    world.ask(service(), service(ZETA_IP, name="zeta"), trust=bundle(1, 2))
    world.run()
    world.files.read_only = frozenset()
    assert world.run().in_sync
    assert world.stands(LONG) == route(OLD_IP, 1, 2)
    world.agent.remove()
    assert world.tree() == World().tree()


def test_without_the_union_of_anchors_the_endpoint_of_a_directory_does_not_change() -> None:
    """And without the new endpoint the old anchors stay."""
    for step in (1, 2, 3, 4):
        world = converged()
        world.serve(NEW_IP, signed_by=2)
        world.ask(service(NEW_IP), trust=bundle(2))
        world.faults.at = world.faults.effects + 2 + step  # after known good and ledger
        world.run()
        stuck, free = (LONG, SHORT) if step % 2 else (SHORT, LONG)
        there = route(OLD_IP, 1) if step <= 2 else route(OLD_IP, 1, 2)
        assert world.stands(stuck) == there
        assert world.stands(free) == route(NEW_IP, 2)
        assert world.pulls(stuck)
        assert world.pulls(free)


def test_a_name_that_could_not_be_given_a_directory_is_not_told_of(world: World) -> None:
    made = World()
    made.ask(service())
    made.serve()
    made.files.read_only = world.files.read_only
    outcome = made.run()
    assert status_of(KNATIVE, outcome).hosts == (SHORT,)
    assert status_of(KNATIVE, outcome).endpoint == endpoint()
    made.files.read_only |= {ROOT.child(SHORT).path}
    del made.files.tree[ROOT.child(SHORT).path]
    for name in (CA_FILE, HOSTS_FILE):
        del made.files.tree[f"{ROOT.child(SHORT).path}/{name}"]
    outcome = made.run()
    assert status_of(KNATIVE, outcome).endpoint is None
    assert status_of(KNATIVE, outcome).reached == frozenset()


def test_a_directory_that_we_made_stays_on_record_until_all_is_out_of_it(world: World) -> None:
    withdrawn = (service(label="false"), service(ZETA_IP, name="zeta", label="false"))
    world.ask(*withdrawn)
    assert refused(world.run()) == {(READ_ONLY, str(KNATIVE))}
    assert world.files.names(ROOT) == (LONG,)
    world.files.read_only = frozenset()
    assert world.run().in_sync
    assert world.tree() == World().tree()


def test_a_removal_goes_as_far_as_it_is_let(world: World) -> None:
    with pytest.raises(NodeTrouble) as told:
        world.agent.remove()
    assert told.value.problem.registry == str(KNATIVE)
    assert world.files.names(ROOT) == (LONG,)
    world.files.read_only = frozenset()
    world.agent.remove()
    assert world.tree() == World().tree()


def test_leftovers_that_cannot_be_cleared_stop_nothing(world: World) -> None:
    world.files.read_only = frozenset()
    world.files.unswept = frozenset({ROOT.child(LONG)})
    world.ask(service(), service(ZETA_IP, name="zeta"), trust=bundle(1, 2))
    assert refused(world.run()) == {(Reason.IO_ERROR, str(KNATIVE))}
    assert world.stands(LONG) == route(OLD_IP, 1, 2)


def test_without_the_intent_on_record_nothing_is_written(world: World) -> None:
    world.files.read_only = frozenset()
    world.ask(service(), service(ZETA_IP, name="zeta"), trust=bundle(1, 2))
    before = world.tree()
    world.faults.at = world.faults.effects + 2  # after known good
    outcome = world.run()
    assert refused(outcome) == {(DISK_FULL.problem.reason, "")}
    assert world.tree() == before
    assert {status.trust_sha256 for status in outcome.registries} == {trust_sha256(1)}


def test_what_was_tried_and_refused_does_not_make_the_loop_spin(world: World) -> None:
    world.ask(service(), service(ZETA_IP, name="zeta"), trust=bundle(1, 2))
    first, second = passes(world, Wake(world), count=2)
    assert second - first > 2


def test_but_another_hand_on_the_node_is_still_seen(world: World) -> None:
    world.ask(service(), service(ZETA_IP, name="zeta"), trust=bundle(1, 2))
    wake = Wake(world)
    wake.meanwhile = lambda: world.put_file(ZETA_LONG, CA_FILE, b"")
    first, second = passes(world, wake, count=2)
    assert second - first < 2
    assert world.stands(ZETA_LONG) == route(ZETA_IP, 1, 2)


# Without the node's lock


def test_without_the_lock_the_registries_are_tried_and_told_all_the_same() -> None:
    world = converged()
    world.state.locked_out = LOCKED_OUT
    outcome = world.run()
    assert outcome.problems == (LOCKED_OUT.problem,)
    status = status_of(KNATIVE, outcome)
    assert status.reached == set(ProbeStep)
    assert status.trust_expiry == NOW + YEAR
    world.fall_silent()
    assert refused(world.run()) == {(READ_ONLY, ""), (Reason.CONNECTION_REFUSED, str(KNATIVE))}


def test_and_nothing_is_written_or_told_as_if_it_were() -> None:
    world = converged()
    world.state.locked_out = LOCKED_OUT
    world.serve(NEW_IP)
    world.ask(service(NEW_IP), trust=bundle(1, 2))
    before, effects = world.tree(), world.faults.effects
    outcome = world.run()
    assert (world.tree(), world.faults.effects) == (before, effects)
    assert (outcome.changed, outcome.files_written) == ((), 0)
    status = status_of(KNATIVE, outcome)
    assert (status.endpoint, status.trust_sha256) == (endpoint(), trust_sha256(1))


def test_what_else_is_in_the_way_is_told_beside_the_lock() -> None:
    world = converged()
    none = Problem(reason=Reason.NO_RUNTIME_FOUND, where="/", detail="none")
    world.state.locked_out, world.runtime.trouble = LOCKED_OUT, NodeTrouble(none)
    assert world.run().problems == (LOCKED_OUT.problem, none)
