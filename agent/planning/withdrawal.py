"""When the directory of a hostname that nobody asks for any more may go.

A label lost by accident must not break pulls: the directory stays while its endpoint serves, and
until it has been silent for all of `--withdraw-after`. Only the label's value "false" withdraws at
once. The wait is counted from the ledger, so that a restart does not begin it anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.errors import Problem, Reason
from agent.planning.answers import Answers
from agent.planning.desires import Desires
from agent.planning.ledger import Ledger
from agent.planning.model import Folder, ProbeStep, RegistryName
from agent.planning.ownership import Ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Whether the directory goes now; if not, since when it is unwanted, and what to report."""

    remove: bool
    unwanted_since: datetime | None = None
    problem: Problem | None = None


def judge_withdrawal(
    *,
    registry: RegistryName,
    folder: Folder,
    ours: Ours,
    desires: Desires,
    ledger: Ledger,
    now: datetime,
    withdraw_after: timedelta,
    answers: Answers,
) -> Withdrawal:
    """What becomes of a directory of ours whose name is not wanted.

    Raises Unanswered while it depends on whether its endpoint still serves.
    """
    if registry in desires.withdrawn:
        return Withdrawal(remove=True)
    since = ledger.unwanted_since.get(folder.path)
    if not desires.certain:
        return Withdrawal(remove=False, unwanted_since=since)
    if registry in desires.kept:
        return Withdrawal(remove=False)
    if not _is_old_name(registry, desires) and _still_serves(ours, answers):
        problem = Problem(
            reason=Reason.UNLABELLED_STILL_SERVING,
            where=f"Service {registry}",
            detail=f"nothing asks for {folder.name}, yet its endpoint still serves it",
            registry=str(registry),
        )
        return Withdrawal(remove=False, problem=problem)
    since = min(since or now, now)
    if now - since < withdraw_after:
        problem = Problem(
            reason=Reason.WITHDRAWAL_PENDING,
            where=f"Service {registry}",
            detail=f"{folder.name} has been asked for by nothing since {since:%F %T} UTC",
            registry=str(registry),
        )
        return Withdrawal(remove=False, unwanted_since=since, problem=problem)
    return Withdrawal(remove=True)


def _is_old_name(registry: RegistryName, desires: Desires) -> bool:
    """Whether the registry is wanted, under other names: its port or the cluster domain changed."""
    return any(desire.registry == registry for desire in desires.wanted)


def _still_serves(ours: Ours, answers: Answers) -> bool:
    return ours.route is not None and ProbeStep.TLS in answers.probe(ours.route).reached
