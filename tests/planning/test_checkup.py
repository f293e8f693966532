"""What `doctor` says: a line a check, every problem in exactly one of them."""

from dataclasses import replace

import pytest

from agent.errors import REMEDIES, Problem, Reason
from agent.planning.check_lines import line_of
from agent.planning.checkup import Check, checkup, checkup_cut_short
from agent.planning.evidence import ProbeStep, Proof
from agent.planning.model import HostPath
from agent.planning.state_view import StateView
from tests.anchors import trust_sha256
from tests.worlds import LONG, SHORT, World, bundle, converged, service

STATE = StateView(path=HostPath("/var/lib/registry-node-agent"), exists=True, run="", problems=())


def checks_of(
    world: World, *extra: Problem, state: StateView = STATE, silence: Problem | None = None
) -> tuple[Check, ...]:
    examination = world.examine()
    verified = world.agent.verify(examination)
    return checkup(
        runtime=replace(examination.runtime, silence=silence),
        state=state,
        desires=examination.desires,
        plan=examination.plan,
        registries=verified.registries,
        problems=(*examination.problems, *verified.problems, *extra),
    )


HANGS = Problem(reason=Reason.RUNTIME_TIMEOUT, where="/run/x.sock", detail="no answer")
GONE = Problem(reason=Reason.RUNTIME_UNREACHABLE, where="/run/x.sock", detail="no such socket")


def problem_of(reason: Reason) -> Problem:
    return Problem(reason=reason, where="here", detail="so", registry="registry/knative")


def lines(world: World) -> dict[str, str]:
    return {check.subject: check.found for check in checks_of(world)}


def failed(world: World, *extra: Problem) -> list[str]:
    return [check.subject for check in checks_of(world, *extra) if not check.passed]


def found_in(line: str, checks: tuple[Check, ...]) -> tuple[str, list[Reason]]:
    """What one line says, and the reasons below it."""
    [check] = [check for check in checks if check.subject == line]
    return check.found, [problem.reason for problem in check.problems]


def test_a_node_in_order_passes_every_check_in_the_order_of_a_pull() -> None:
    assert lines(converged()) == {
        "layout": "kubeadm",
        "runtime": "containerd 2.1.4, process 7, reads /etc/containerd/certs.d",
        "requests": "registries asked for: 1",
        "state": "/var/lib/registry-node-agent: can be written; no `run` is alive",
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
    assert list(lines(world))[5:] == ["registry/knative tcp"]
    assert failed(world) == ["registry/knative tcp"]
    world.serve(signed_by=2)
    assert list(lines(world))[5:] == ["registry/knative tcp", "registry/knative tls"]
    assert failed(world) == ["registry/knative tls"]


def test_a_runtime_that_ignores_the_files_fails_the_last_step() -> None:
    world = converged()
    world.runtime.identity = "containerd 2"
    world.runtime.reads = ()
    assert failed(world) == ["registry/knative effective"]
    assert lines(world)["registry/knative effective"] == (
        f"the runtime was not seen to pull {LONG}, {SHORT} from there"
    )


def test_steps_to_do_are_counted() -> None:
    world = World()
    world.ask(service())
    assert lines(world)["files"] == "2 steps to do"


def test_a_held_change_is_a_matter_of_the_files() -> None:
    world = converged()
    world.ask(service(), trust=bundle(2))
    assert failed(world) == ["files"]
    assert lines(world)["files"] == "not as they should be"


def test_a_timeout_stands_at_the_step_that_met_it() -> None:
    world = converged()
    examination = world.examine()
    [status] = world.agent.verify(examination).registries
    for count, step in enumerate(ProbeStep):
        checks = checkup(
            runtime=examination.runtime,
            state=STATE,
            desires=examination.desires,
            plan=examination.plan,
            registries=[replace(status, reached=frozenset(list(ProbeStep)[:count]))],
            problems=[problem_of(Reason.TIMEOUT)],
        )
        wrong = [check for check in checks if not check.passed]
        assert [check.subject for check in wrong] == [f"registry/knative {step}"]
        assert checks[-1] == wrong[0]
        assert wrong[0].found not in lines(world).values()


def test_a_runtime_that_hangs_fails_its_own_line_and_leaves_the_proof_out() -> None:
    world = converged()
    world.runtime.identity = "containerd 2"
    world.runtime.answer = Proof(reason=Reason.RUNTIME_TIMEOUT, detail="no version within 5 s")
    checks = checks_of(world, silence=HANGS)
    assert [check.subject for check in checks if not check.passed] == ["runtime"]
    assert found_in("runtime", checks) == (
        "containerd 2.1.4, process 7",
        [Reason.RUNTIME_TIMEOUT],
    )
    assert checks[-1].subject == "registry/knative api"


def test_a_runtime_that_is_not_there_fails_though_nothing_is_asked_for() -> None:
    examination = World().examine()
    checks = checkup(
        runtime=replace(examination.runtime, version="", pid=None, silence=GONE),
        state=STATE,
        desires=examination.desires,
        plan=examination.plan,
        registries=(),
        problems=(),
    )
    assert found_in("runtime", checks) == (
        "containerd of unknown version, not running",
        [Reason.RUNTIME_UNREACHABLE],
    )


def test_a_disk_that_is_full_is_a_matter_of_the_directory_where_it_is() -> None:
    full = Problem(reason=Reason.DISK_FULL, where=STATE.path, detail="no space left")
    checks = checks_of(converged(), full, state=replace(STATE, problems=(full,)))
    assert found_in("state", checks) == (
        "/var/lib/registry-node-agent: cannot be written; no `run` is alive",
        [Reason.DISK_FULL],
    )
    assert failed(converged(), replace(full, where="/etc/containerd/certs.d")) == ["files"]


def test_what_the_state_directory_is_like_is_told() -> None:
    alive = replace(STATE, exists=False, run="31")
    assert found_in("state", checks_of(converged(), state=alive))[0] == (
        "/var/lib/registry-node-agent: not there yet, can be made; a `run` is alive, as process 31"
    )
    unreadable = problem_of(Reason.LEDGER_UNREADABLE)
    assert found_in("state", checks_of(converged(), unreadable)) == (
        "/var/lib/registry-node-agent: its record cannot be used; no `run` is alive",
        [Reason.LEDGER_UNREADABLE],
    )


def test_a_node_that_cannot_be_examined_still_tells_of_the_state_directory() -> None:
    problem = problem_of(Reason.NO_RUNTIME_FOUND)
    checks = checkup_cut_short(problem, state=STATE)
    assert [(check.subject, check.passed) for check in checks] == [("node", False), ("state", True)]


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
        state=STATE,
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
    assert found["runtime"] == (
        "containerd of unknown version, in a process that is not to be seen, reads nothing"
    )
    assert found["registry/knative tcp"] == "no endpoint"
    assert found["registry/knative tls"].endswith(
        "valid until unknown; by the bundle alone: unknown-authority"
    )


@pytest.mark.parametrize("reason", list(Reason))
def test_no_problem_is_lost(reason: Reason) -> None:
    problem = problem_of(reason)
    told = [item for check in checks_of(converged(), problem) for item in check.problems]
    assert told == [problem]
    elsewhere = replace(problem, registry="registry/unknown")
    assert [item for check in checks_of(converged(), elsewhere) for item in check.problems] == [
        elsewhere
    ]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_line(reason: Reason) -> None:
    assert line_of(reason)


SORTED = {
    Reason.NEEDS_RESTART: "runtime",
    Reason.RUNTIME_TIMEOUT: "runtime",
    Reason.BUNDLE_EXPIRED: "requests",
    Reason.ANOTHER_AGENT: "state",
    Reason.READ_ONLY_FILE_SYSTEM: "files",
    Reason.DISK_FULL: "files",
    Reason.PERMISSION_DENIED: "files",
    Reason.UNLINKED: "files",
    Reason.IO_ERROR: "files",
    Reason.PULL_FAILED: "registry/knative effective",
}


@pytest.mark.parametrize(("reason", "line"), SORTED.items())
def test_a_problem_stands_in_the_line_of_what_it_concerns(reason: Reason, line: str) -> None:
    assert failed(converged(), problem_of(reason)) == [line]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_remedy_and_an_event(reason: Reason) -> None:
    assert str(Problem(reason=reason, where="here", detail="so")) == (
        f"{reason.value}: here: so; {REMEDIES[reason]}"
    )
    assert reason.event.lower() == reason.value.replace("-", "")
