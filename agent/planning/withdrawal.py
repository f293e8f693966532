"""When the directory of a hostname that nobody asks for any more may go.

A label lost by accident must not break pulls, nor must a port or a cluster domain that was changed
by mistake: the directory stays while its endpoint serves, and until it has been silent for all of
`--withdraw-after`. Only the label's value "false" withdraws at once, or a person who says so. The
wait is counted from the ledger, so that a restart does not begin it anew.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.errors import Problem, Reason
from agent.planning.answers import Answers
from agent.planning.desires import Desires
from agent.planning.evidence import ProbeStep
from agent.planning.ledger import Ledger
from agent.planning.model import HostPath, RegistryName, Route
from agent.planning.sheet import Occasion


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Whether the directory goes now; if not, since when it is unwanted, and what to report."""

    remove: bool
    unwanted_since: datetime | None = None
    problem: Problem | None = None


def judge_withdrawal(
    *,
    registry: RegistryName,
    place: HostPath,
    route: Route | None,
    desires: Desires,
    ledger: Ledger,
    occasion: Occasion,
    answers: Answers,
    pulled_as: str = "",
) -> Withdrawal:
    """What becomes of what we wrote for a name that is not wanted, at that place on the node.

    `route` is None where it is damaged, or where the files tell of no endpoint: then `pulled_as` is
    the hostname, and the runtime itself tells whether it is pulled. Raises Unanswered while it
    depends on whether its endpoint still serves.
    """
    if registry in desires.withdrawn:
        return Withdrawal(remove=True)
    since = ledger.unwanted_since.get(place)
    if not desires.certain:
        return Withdrawal(remove=False, unwanted_since=since)
    if registry in desires.kept:
        return Withdrawal(remove=False)
    if occasion.apply_held or _is_released(route, desires):
        return Withdrawal(remove=True)
    serves = _serves(route, answers)
    if pulled_as and answers.proof(pulled_as).effective:
        serves = pulled_as
    return _judge_silence(registry, serves, desires, since, occasion)


def _judge_silence(
    registry: RegistryName,
    serves: str,
    desires: Desires,
    since: datetime | None,
    occasion: Occasion,
) -> Withdrawal:
    """What becomes of a directory whose registry is gone, or has other names now.

    `serves` is what answers there still, empty when nothing does.
    """
    if serves:
        detail = f"nothing asks for {_names(registry, desires)} any more, yet {serves} serves"
        return Withdrawal(
            remove=False,
            problem=_problem(Reason.UNLABELLED_STILL_SERVING, registry, detail),
        )
    since = min(since or occasion.now, occasion.now)
    if occasion.now - since < occasion.withdraw_after:
        asked = f"nothing has asked for {_names(registry, desires)} since {since:%F %T} UTC"
        return Withdrawal(
            remove=False,
            unwanted_since=since,
            problem=_problem(Reason.WITHDRAWAL_PENDING, registry, asked),
        )
    return Withdrawal(remove=True)


def _is_released(route: Route | None, desires: Desires) -> bool:
    """Whether the Service that has the address now says by annotation that old names may go."""
    return route is not None and any(
        route.endpoint.address in desire.addresses
        and str(route.endpoint.address) in desire.released
        for desire in desires.wanted
    )


def _names(registry: RegistryName, desires: Desires) -> str:
    """What nobody asks for: all names, or those of another port or cluster domain."""
    wanted = any(desire.registry == registry for desire in desires.wanted)
    return "other names of it" if wanted else "it"


def _problem(reason: Reason, registry: RegistryName, detail: str) -> Problem:
    return Problem(
        reason=reason, where=f"Service {registry}", detail=detail, registry=str(registry)
    )


def _serves(route: Route | None, answers: Answers) -> str:
    """The endpoint, if it still serves."""
    is_up = route is not None and ProbeStep.TLS in answers.probe(route).reached
    return route.endpoint.url if route and is_up else ""
