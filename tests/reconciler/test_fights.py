"""Whole passes against somebody who undoes each of them."""

from datetime import timedelta

from agent.errors import Reason
from agent.planning.fights import MAX_REPAIRS, WINDOW_SECONDS
from agent.planning.outcome import Outcome
from tests.worlds import LONG, NEW_IP, ROOT, SHORT, World, converged, route, service


def delete(world: World, host: str = LONG) -> None:
    """What a fighter does: the directory of a host and all that is in it goes."""
    path = f"{ROOT.child(host).path}"
    for found in [place for place in world.files.tree if place.startswith(path)]:
        del world.files.tree[found]


def fight(world: World, *, rounds: int = MAX_REPAIRS) -> None:
    for _ in range(rounds):
        delete(world)
        world.clock.advance(timedelta(seconds=1))
        assert world.run().in_sync


def reasons(outcome: Outcome) -> list[Reason]:
    return [problem.reason for problem in outcome.problems]


def test_after_a_few_repairs_it_is_said_and_left_alone() -> None:
    world = converged()
    fight(world)
    delete(world)
    effects = world.faults.effects
    for _ in range(3):
        outcome = world.run()
        assert reasons(outcome) == [Reason.FOUGHT_OVER]
        assert outcome.problems[0].registry == "registry/knative"
        assert outcome.changed == ()
    assert world.stands(LONG) is None
    assert world.faults.effects <= effects + 1  # the record, once: it is not there any more


def test_what_nobody_fights_over_is_kept_and_told_meanwhile() -> None:
    world = converged()
    fight(world)
    delete(world)
    delete(world, SHORT)
    [status] = world.run().registries
    assert status.hosts == (SHORT,)
    assert world.stands(SHORT) == route()


def test_another_endpoint_is_written_in_the_middle_of_a_fight() -> None:
    world = converged()
    fight(world)
    delete(world)
    world.serve(NEW_IP)
    world.ask(service(NEW_IP))
    assert world.run().in_sync
    assert world.stands(LONG) == route(NEW_IP)


def test_after_the_hour_it_is_repaired_again() -> None:
    world = converged()
    fight(world)
    delete(world)
    assert reasons(world.run()) == [Reason.FOUGHT_OVER]
    world.clock.advance(timedelta(seconds=WINDOW_SECONDS))
    assert world.run().in_sync
    assert world.pulls()


def test_a_process_that_a_person_starts_repairs_at_once() -> None:
    world = converged()
    fight(world)
    delete(world)
    assert reasons(world.run()) == [Reason.FOUGHT_OVER]
    world.restart()
    assert world.run().in_sync


def test_a_fighter_who_gives_up_ends_the_pause() -> None:
    world = converged()
    fight(world)
    before = world.tree()
    delete(world)
    assert reasons(world.run()) == [Reason.FOUGHT_OVER]
    world.files.tree.clear()
    world.files.tree.update(before)
    assert world.run().in_sync


def test_a_disk_that_refuses_is_no_fight() -> None:
    world = converged()
    delete(world)
    world.files.read_only = frozenset({ROOT.child(LONG).path})
    for _ in range(2 * MAX_REPAIRS):
        assert reasons(world.run()) == [Reason.READ_ONLY_FILE_SYSTEM]
    world.files.read_only = frozenset()
    assert world.run().in_sync
