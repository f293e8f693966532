"""In sync means effective: when the runtime is asked, and what is said of its answer."""

from datetime import timedelta

from agent.errors import Reason
from agent.planning.evidence import ProbeStep, Proof
from agent.verifier import PROOF_JITTER, PROOF_SECONDS
from tests.worlds import LONG, NEW_IP, SHORT, World, converged, service

HOUR = timedelta(seconds=PROOF_SECONDS * (1 + PROOF_JITTER))
NOT_YET = timedelta(seconds=PROOF_SECONDS * (1 - PROOF_JITTER) - 1)


def asked_in_a_pass(world: World) -> list[str]:
    world.runtime.proved.clear()
    world.run()
    return world.runtime.proved


def test_the_runtime_is_asked_once_for_every_hostname() -> None:
    world = converged()
    assert sorted(world.runtime.proved) == sorted([LONG, SHORT])
    assert asked_in_a_pass(world) == []


def test_it_is_asked_again_after_an_hour_or_so() -> None:
    world = converged()
    world.clock.advance(NOT_YET)
    assert asked_in_a_pass(world) == []
    world.clock.advance(HOUR - NOT_YET)
    assert asked_in_a_pass(world) == [LONG, SHORT]


def test_it_is_asked_again_when_the_route_changes() -> None:
    world = converged()
    world.serve(NEW_IP)
    world.ask(service(NEW_IP))
    assert asked_in_a_pass(world) == [LONG, SHORT]


def test_it_is_asked_again_when_the_runtime_is_another() -> None:
    world = converged()
    world.runtime.identity = "containerd 2"
    assert asked_in_a_pass(world) == [LONG, SHORT]


def test_it_is_asked_again_when_a_file_was_repaired() -> None:
    world = converged()
    world.put_file(LONG, "ca.crt", b"")
    assert asked_in_a_pass(world) == [LONG, SHORT]


def test_it_is_asked_again_when_the_registry_has_been_away() -> None:
    world = converged()
    world.fall_silent()
    assert asked_in_a_pass(world) == []
    world.serve()
    assert asked_in_a_pass(world) == [LONG, SHORT]


def test_a_new_hostname_is_asked_for_alone() -> None:
    world = converged()
    world.serve("10.96.0.60")
    world.ask(service(), service("10.96.0.60", name="builds"))
    world.run()
    world.ask(service())
    assert asked_in_a_pass(world) == []


def test_a_refusal_is_reported_for_each_hostname_and_asked_again() -> None:
    world = World()
    world.ask(service())
    world.serve()
    world.runtime.reads = ()
    outcome = world.run()
    assert [(item.reason, item.where) for item in outcome.problems] == [
        (Reason.RUNTIME_IGNORES_FILES, LONG),
        (Reason.RUNTIME_IGNORES_FILES, SHORT),
    ]
    assert ProbeStep.EFFECTIVE not in outcome.registries[0].reached
    assert asked_in_a_pass(world) == [LONG, SHORT]
    world.runtime.reads = world.runtime.roots
    assert world.run().in_sync


def test_a_runtime_that_gives_no_answer_is_one_problem_of_the_node() -> None:
    world = converged()
    world.runtime.identity = "containerd 2"
    world.runtime.answer = Proof(reason=Reason.RUNTIME_TIMEOUT, detail="no version within 5 s")
    [problem] = world.run().problems
    assert (problem.reason, problem.registry) == (Reason.RUNTIME_TIMEOUT, "")
    assert problem.where == "/run/containerd/containerd.sock"


def test_failures_are_counted_in_a_row() -> None:
    world = converged()
    registry = next(iter(world.agent.verifier.failures))
    world.fall_silent()
    world.run()
    world.run()
    assert world.agent.verifier.failures == {registry: 2}
    world.serve()
    world.run()
    assert world.agent.verifier.failures == {registry: 0}


def failed_by_proxy(**environment: str) -> World:
    """A runtime whose every pull fails, and what its unit gives to it."""
    world = converged()
    world.services.environment = environment
    world.runtime.identity = "containerd 2"
    world.runtime.answer = Proof(reason=Reason.PULL_FAILED, detail="proxyconnect tcp: EOF")
    return world


def test_a_pull_that_went_to_a_proxy_is_called_that_and_systemd_is_asked_once() -> None:
    world = failed_by_proxy(HTTPS_PROXY="http://proxy", NO_PROXY=".svc,.cluster.local")
    assert {problem.reason for problem in world.run().problems} == {Reason.PROXIED}
    assert world.services.asked == [7]


def test_with_the_address_in_no_proxy_it_is_none() -> None:
    world = failed_by_proxy(HTTPS_PROXY="http://proxy", NO_PROXY="10.96.0.0/12")
    assert {problem.reason for problem in world.run().problems} == {Reason.PULL_FAILED}


def test_while_pulls_work_systemd_is_not_asked() -> None:
    assert converged().services.asked == []


def test_what_was_mended_there_is_seen_in_the_next_pass() -> None:
    world = failed_by_proxy(HTTPS_PROXY="http://proxy")
    world.run()
    world.services.environment = {}
    assert {problem.reason for problem in world.run().problems} == {Reason.PULL_FAILED}


def test_a_runtime_that_ignores_our_files_is_called_that_whatever_its_proxy_is() -> None:
    world = failed_by_proxy(HTTPS_PROXY="http://proxy")
    world.runtime.answer = Proof(reason=Reason.RUNTIME_IGNORES_FILES, detail="lookup: no such host")
    assert {problem.reason for problem in world.run().problems} == {Reason.RUNTIME_IGNORES_FILES}
