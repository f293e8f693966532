"""What `doctor` says: a line a check, every problem in exactly one of them."""

from dataclasses import replace

import pytest

from agent.errors import REMEDIES, Problem, Reason
from agent.planning.checkup import Check, checkup
from tests.anchors import trust_sha256
from tests.worlds import LONG, SHORT, World, bundle, converged, service


def checks_of(world: World, *extra: Problem) -> tuple[Check, ...]:
    examination = world.examine()
    verified = world.agent.verify(examination)
    return checkup(
        runtime=examination.runtime,
        desires=examination.desires,
        plan=examination.plan,
        registries=verified.registries,
        problems=(*examination.problems, *verified.problems, *extra),
    )


def lines(world: World) -> dict[str, str]:
    return {check.subject: check.found for check in checks_of(world)}


def failed(world: World) -> list[str]:
    return [check.subject for check in checks_of(world) if not check.passed]


def test_a_node_in_order_passes_every_check_in_the_order_of_a_pull() -> None:
    assert lines(converged()) == {
        "runtime": "containerd 2.1.4, process 7, reads /etc/containerd/certs.d",
        "requests": "registries asked for: 1",
        "files": "as they should be",
        "registry/knative tcp": "https://10.96.0.50:5000",
        "registry/knative tls": f"trust {trust_sha256(1)[:12]}, valid until 2027-11-23",
        "registry/knative api": "GET /v2/",
        "registry/knative effective": f"the runtime pulls {LONG}, {SHORT} from there",
    }
    assert failed(converged()) == []


def test_a_failed_step_ends_the_list() -> None:
    world = converged()
    world.fall_silent()
    assert list(lines(world))[3:] == ["registry/knative tcp"]
    assert failed(world) == ["registry/knative tcp"]
    world.serve(signed_by=2)
    assert list(lines(world))[3:] == ["registry/knative tcp", "registry/knative tls"]
    assert failed(world) == ["registry/knative tls"]


def test_a_runtime_that_ignores_the_files_fails_the_last_step() -> None:
    world = converged()
    world.runtime.identity = "containerd 2"
    world.runtime.reads = ()
    assert failed(world) == ["registry/knative effective"]


def test_steps_to_do_are_counted() -> None:
    world = World()
    world.ask(service())
    assert lines(world)["files"] == "2 steps to do"


def test_a_held_change_is_a_matter_of_the_files() -> None:
    world = converged()
    world.ask(service(), trust=bundle(2))
    assert failed(world) == ["files"]


def test_of_two_registries_each_has_its_own_problem() -> None:
    world = converged(service(), service("10.96.0.60", name="builds"))
    world.fall_silent()
    assert failed(world) == ["registry/knative tcp"]


def test_the_verdict_of_the_bundle_alone_is_shown() -> None:
    world = converged()
    examination = world.examine()
    [status] = world.agent.verify(examination).registries
    checks = checkup(
        runtime=replace(examination.runtime, version="", pid=None, roots=()),
        desires=examination.desires,
        plan=examination.plan,
        registries=[
            replace(
                status, strict_reason=Reason.UNKNOWN_AUTHORITY, endpoint=None, trust_expiry=None
            )
        ],
        problems=[],
    )
    found = {check.subject: check.found for check in checks}
    assert found["runtime"] == "containerd of unknown version, not running, reads nothing"
    assert found["registry/knative tcp"] == "no endpoint"
    assert found["registry/knative tls"].endswith(
        "valid until unknown; by the bundle alone: unknown-authority"
    )


@pytest.mark.parametrize("reason", list(Reason))
def test_no_problem_is_lost(reason: Reason) -> None:
    problem = Problem(reason=reason, where="here", detail="so", registry="registry/knative")
    told = [item for check in checks_of(converged(), problem) for item in check.problems]
    assert told == [problem]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_remedy_and_an_event(reason: Reason) -> None:
    assert str(Problem(reason=reason, where="here", detail="so")) == (
        f"{reason.value}: here: so; {REMEDIES[reason]}"
    )
    assert reason.event.lower() == reason.value.replace("-", "")
