"""What `doctor` says: one check per line, in the order in which a pull depends on them.

Every problem of the examination belongs to exactly one check, by its reason; a reason that no
check claims belongs to the node as a whole, so that none is lost.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from agent.errors import Problem, Reason
from agent.planning.desires import Desires
from agent.planning.model import ProbeStep, RuntimeView
from agent.planning.outcome import RegistryStatus
from agent.planning.plan import Plan

_OF_RUNTIME = frozenset(
    {
        Reason.NO_RUNTIME_FOUND,
        Reason.RUNTIME_CONFIG_BROKEN,
        Reason.CONFIG_PATH_UNSET,
        Reason.LEGACY_MIRRORS,
        Reason.RUNTIME_UNREACHABLE,
        Reason.CRI_CLIENT_MISSING,
    }
)
_OF_FILES = frozenset(
    {
        Reason.HOST_TAKEN,
        Reason.SHADOWED,
        Reason.SYMLINK_REFUSED,
        Reason.HELD,
        Reason.WITHDRAWAL_PENDING,
        Reason.UNLABELLED_STILL_SERVING,
        Reason.ALL_ANCHORS_REVOKED,
    }
)
_OF_STEP = {
    ProbeStep.TCP: frozenset({Reason.CONNECTION_REFUSED, Reason.TIMEOUT, Reason.UNREACHABLE}),
    ProbeStep.TLS: frozenset(
        {
            Reason.UNKNOWN_AUTHORITY,
            Reason.MISSING_IP_SAN,
            Reason.CERTIFICATE_EXPIRED,
            Reason.CERTIFICATE_NOT_YET_VALID,
            Reason.TLS_FAILED,
        }
    ),
    ProbeStep.API: frozenset({Reason.HTTP_ERROR, Reason.REALM_UNREACHABLE}),
    ProbeStep.EFFECTIVE: frozenset({Reason.RUNTIME_IGNORES_FILES, Reason.PULL_FAILED}),
}


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
    desires: Desires,
    plan: Plan,
    registries: Iterable[RegistryStatus],
    problems: Iterable[Problem],
) -> tuple[Check, ...]:
    """All checks of a node whose examination ended."""
    sorter = _Sorter(list(problems))
    checks = [
        Check(
            subject="runtime",
            found=_runtime_text(runtime),
            problems=sorter.take(reasons=_OF_RUNTIME),
        ),
        Check(
            subject="files",
            found=f"{len(plan.steps)} steps to do" if plan.steps else "as they should be",
            problems=sorter.take(reasons=_OF_FILES),
        ),
    ]
    for status in registries:
        checks += _registry_checks(status, sorter)
    rest = Check(
        subject="requests",
        found=f"registries asked for: {len(desires.wanted)}",
        problems=tuple(sorter.rest),
    )
    return (checks[0], rest, *checks[1:])


class _Sorter:
    """Deals out problems, each once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.rest = problems

    def take(
        self, *, reasons: frozenset[Reason], registry: str | None = None
    ) -> tuple[Problem, ...]:
        taken = tuple(
            problem
            for problem in self.rest
            if problem.reason in reasons and registry in {None, problem.registry}
        )
        self.rest = [problem for problem in self.rest if problem not in taken]
        return taken


def _registry_checks(status: RegistryStatus, sorter: _Sorter) -> Iterator[Check]:
    """The steps of a pull in order; one that cannot be tried for an earlier failure is left out."""
    for step, reasons in _OF_STEP.items():
        problems = sorter.take(reasons=reasons, registry=str(status.registry))
        if not problems and step not in status.reached:
            return
        yield Check(
            subject=f"{status.registry} {step}",
            found=_step_text(step, status),
            problems=problems,
        )


def _runtime_text(runtime: RuntimeView) -> str:
    process = f"process {runtime.pid}" if runtime.pid else "not running"
    roots = " and ".join(root.path for root in runtime.roots) or "nothing"
    return f"{runtime.kind} {runtime.version or 'of unknown version'}, {process}, reads {roots}"


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
            return f"the runtime pulls {', '.join(status.hosts)} from there"
        case _:
            assert_never(step)
