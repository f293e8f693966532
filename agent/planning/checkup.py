"""What `doctor` says: one check per line, in the order in which a pull depends on them.

Every problem of the examination stands in exactly one line (planning.check_lines). What a line
says was found depends on the problems in it: a line that fails never says that all is well.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from agent.errors import Problem
from agent.planning.check_lines import Line, line_of
from agent.planning.desires import Desires
from agent.planning.evidence import ProbeStep
from agent.planning.model import RuntimeView
from agent.planning.outcome import RegistryStatus
from agent.planning.plan import Plan
from agent.planning.state_view import StateView


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line: what was looked at, what was found, and the problems met there."""

    subject: str
    found: str
    problems: tuple[Problem, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong there."""
        return not self.problems


def checkup(
    *,
    runtime: RuntimeView,
    state: StateView,
    desires: Desires,
    plan: Plan,
    registries: Iterable[RegistryStatus],
    problems: Iterable[Problem],
) -> tuple[Check, ...]:
    """All checks of a node whose examination ended."""
    statuses, met = tuple(registries), tuple(problems)
    asked = {str(status.registry) for status in statuses}
    lines: dict[Line, list[Problem]] = {line: [] for line in Line}
    for problem in dict.fromkeys((*met, *_silence(runtime, met), *state.problems)):
        line = Line.STATE if problem in state.problems else line_of(problem.reason)
        lost = line is Line.PULL and problem.registry not in asked
        lines[Line.REQUESTS if lost else line].append(problem)
    return (
        Check(subject="layout", found=runtime.layout, problems=tuple(lines[Line.LAYOUT])),
        _runtime_check(runtime, lines[Line.RUNTIME]),
        Check(
            subject="requests",
            found=f"registries asked for: {len(desires.wanted)}",
            problems=tuple(lines[Line.REQUESTS]),
        ),
        _state_check(state, lines[Line.STATE]),
        _files_check(plan, lines[Line.FILES]),
        *(check for status in statuses for check in _registry_checks(status, lines[Line.PULL])),
    )


def checkup_cut_short(problem: Problem, *, state: StateView) -> tuple[Check, ...]:
    """The checks of a node that cannot be examined."""
    subject = "layout" if line_of(problem.reason) is Line.LAYOUT else "node"
    return (
        Check(subject=subject, found="cannot be examined", problems=(problem,)),
        _state_check(state, state.problems),
    )


def _silence(runtime: RuntimeView, problems: Sequence[Problem]) -> Iterator[Problem]:
    """That the runtime does not answer, unless the proofs tell it already."""
    silence = runtime.silence
    if silence is not None and all(problem.reason is not silence.reason for problem in problems):
        yield silence


def _runtime_check(runtime: RuntimeView, problems: Sequence[Problem]) -> Check:
    unseen = "not running" if runtime.silence else "in a process that is not to be seen"
    process = f"process {runtime.pid}" if runtime.pid else unseen
    found = f"{runtime.kind} {runtime.version or 'of unknown version'}, {process}"
    if not problems:
        roots = " and ".join(place.path for place in runtime.places) or "nothing"
        what = "the CAs alone in " if runtime.docker and runtime.docker.trust_only else ""
        found = f"{found}, reads {what}{roots}"
    return Check(subject="runtime", found=found, problems=tuple(problems))


def _state_check(state: StateView, problems: Sequence[Problem]) -> Check:
    if state.problems:
        use = "cannot be written"
    elif problems:
        use = "its record cannot be used"
    elif state.exists:
        use = "can be written"
    else:
        use = "not there yet, can be made"
    run = f"a `run` is alive, as process {state.run}" if state.run else "no `run` is alive"
    return Check(subject="state", found=f"{state.path}: {use}; {run}", problems=tuple(problems))


def _files_check(plan: Plan, problems: Sequence[Problem]) -> Check:
    if plan.steps:
        found = f"{len(plan.steps)} steps to do"
    else:
        found = "not as they should be" if problems else "as they should be"
    return Check(subject="files", found=found, problems=tuple(problems))


def _registry_checks(status: RegistryStatus, problems: Iterable[Problem]) -> Iterator[Check]:
    """The steps of a pull in order, up to the first that was not reached: its problems are there.

    Without a problem it was not tried, for a reason that stands in another line.
    """
    own = tuple(problem for problem in problems if problem.registry == str(status.registry))
    for step in ProbeStep:
        reached = step in status.reached
        if reached and step is not ProbeStep.EFFECTIVE:
            yield _step_check(step, status, ())
            continue
        if reached or own:
            yield _step_check(step, status, own)
        return


def _step_check(step: ProbeStep, status: RegistryStatus, problems: tuple[Problem, ...]) -> Check:
    found = _failed_text(step, status) if problems else _step_text(step, status)
    return Check(subject=f"{status.registry} {step}", found=found, problems=problems)


def _failed_text(step: ProbeStep, status: RegistryStatus) -> str:
    match step:
        case ProbeStep.TCP:
            return f"no connection to {_step_text(step, status)}"
        case ProbeStep.TLS:
            return f"no verified connection with {_step_text(step, status)}"
        case ProbeStep.API:
            return "GET /v2/ does not succeed"
        case ProbeStep.EFFECTIVE:
            return f"the runtime was not seen to pull {', '.join(status.hosts)} from there"
        case _:
            assert_never(step)


def _step_text(step: ProbeStep, status: RegistryStatus) -> str:
    match step:
        case ProbeStep.TCP:
            return status.endpoint.url if status.endpoint else "no endpoint"
        case ProbeStep.TLS:
            until = f"{status.trust_expiry:%Y-%m-%d}" if status.trust_expiry else "unknown"
            alone = f"; by the bundle alone: {status.strict_reason}" if status.strict_reason else ""
            return f"trust {status.trust_sha256[:12]}, valid until {until}{alone}"
        case ProbeStep.API:
            return "GET /v2/"
        case ProbeStep.EFFECTIVE:
            return f"the runtime pulls {', '.join(status.hosts)} from there{_secret_text(status)}"
        case _:
            assert_never(step)


def _secret_text(status: RegistryStatus) -> str:
    """What a person must do where a pod's pull secret never gets to the registry."""
    if status.anonymous_only:
        return (
            "; it asks who pulls, and Docker keeps pull secrets from an address (needs-node-auth): "
            "it can only be given what anybody may read"
        )
    if not status.auth_entry:
        return ""
    return (
        "; it answers 401, and CRI-O keeps pull secrets from an address (needs-node-auth): unless "
        f"reads are anonymous, crio.conf's global_auth_file must have {status.auth_entry}"
    )
