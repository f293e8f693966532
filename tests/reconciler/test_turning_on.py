"""The runtime's own configuration: what a pass says of it, and who may have it changed."""

from agent.errors import Problem, Reason
from tests.worlds import World, converged

OLDER = Problem(reason=Reason.NEEDS_RESTART, where="/etc/config.toml", detail="it is older")


def test_a_runtime_older_than_what_was_written_for_it_is_not_in_sync() -> None:
    world = converged()
    world.turn.due, world.turn.awaited = frozenset({"containerd"}), (OLDER,)
    outcome = world.run()
    assert OLDER in outcome.problems
    assert not outcome.in_sync


def test_no_pass_restarts_the_runtime() -> None:
    world: World = converged()
    world.turn.due = frozenset({"containerd"})
    world.run()
    assert world.turn.due


def test_whoever_may_turns_it_on_once() -> None:
    world = converged()
    world.turn.due = frozenset({"containerd"})
    assert world.agent.turn_on() == "restart containerd"
    assert world.agent.turn_on() == ""


def test_what_was_put_back_for_a_runtime_that_did_not_start_is_said() -> None:
    world = converged()
    failed = Problem(reason=Reason.RESTART_FAILED, where="containerd.service", detail="so")
    world.turn.repaired = (failed,)
    assert failed in world.run().problems
