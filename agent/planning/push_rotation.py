"""The passwords that builders push with: when there is a new one, and which are good at a time.

Rotated as the CA is: a new password is accepted for a while before any builder is given it, and the
old one for as long after. No password is shared by two names, so each can be told apart in a log.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.planning.trust_model import Lifetimes

_RENEWED_AFTER = 2 / 3  # of the time that a certificate lasts


class PushStep(StrEnum):
    """What is done next with the passwords."""

    BEGIN = "begin"
    ADD_NEXT = "add-next"
    SWITCH = "switch"
    DROP_PREVIOUS = "drop-previous"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAges:
    """Which passwords there are, and since when it is these."""

    has_current: bool = False
    has_next: bool = False
    has_previous: bool = False
    since: datetime | None = None


def next_push_step(ages: PushAges, *, now: datetime, lifetimes: Lifetimes) -> PushStep | None:
    """The one step that comes next; None while there is nothing to do."""
    if not ages.has_current or ages.since is None:
        return PushStep.BEGIN
    age = now - ages.since
    if ages.has_next:
        return PushStep.SWITCH if age >= lifetimes.soak else None
    if ages.has_previous:
        return PushStep.DROP_PREVIOUS if age >= lifetimes.soak else None
    return PushStep.ADD_NEXT if age >= lifetimes.certificate * _RENEWED_AFTER else None
