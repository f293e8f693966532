"""Planning asks for what it does not know, once."""

import pytest

from agent.errors import Reason
from agent.planning.answers import Answers, Unanswered
from agent.planning.evidence import ProbeResult, Proof
from tests.worlds import LONG, NEW_IP, World, converged, route, service


def test_what_was_tried_is_answered() -> None:
    good = ProbeResult(reached=frozenset())
    answers = Answers(
        probes={route(): good},
        proofs={
            LONG: Proof(reason=None, detail="not found"),
            "other": Proof(reason=Reason.PULL_FAILED, detail="x509"),
        },
    )
    assert answers.probe(route()) is good
    assert answers.proof(LONG).effective
    assert answers.proof("other").reason is Reason.PULL_FAILED


def test_what_was_not_tried_is_asked_for() -> None:
    with pytest.raises(Unanswered) as question:
        Answers().probe(route())
    assert (question.value.routes, question.value.hosts) == ({route()}, set())
    with pytest.raises(Unanswered) as question:
        Answers().proof(LONG)
    assert (question.value.routes, question.value.hosts) == (set(), {LONG})


def test_a_plan_tries_each_route_once() -> None:
    """Two directories, planning and verifying: one probe."""
    world = converged()
    world.serve(NEW_IP)
    world.ask(service(NEW_IP))
    world.probe.probed.clear()
    world.run()
    assert world.probe.probed == {route(NEW_IP): 1}


def test_all_registries_are_asked_for_in_one_round() -> None:
    world = World()
    world.ask(service("10.96.0.1"), service("10.96.0.2", name="builds"))
    world.run()
    assert set(world.probe.probed) == {route("10.96.0.1"), route("10.96.0.2")}
