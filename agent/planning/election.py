"""Who may take the issuer's Lease: its holder, or anybody once it was not renewed for its time.

That time is measured by the observer's own clock from when it first saw the Lease as it is, and
never by the times written in it: clocks of nodes differ (client-go, tools/leaderelection).
"""

from dataclasses import dataclass

MAX_DURATION_SECONDS = 3600
"""A Lease that claims to last longer is not believed: a slip of a hand would end all issuing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerLease:
    """What a Lease says of its holder. Any change of it is a sign of life.

    `holder` is empty for one that was released. `renewed` is only compared.
    """

    holder: str
    renewed: str
    transitions: int
    duration_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A Lease, and when it was first seen to be as it is, by the observer's monotonic clock."""

    lease: IssuerLease
    since: float

    def again(self, lease: IssuerLease, *, now: float) -> "Sighting":
        """The same Lease, looked at anew."""
        return self if lease == self.lease else Sighting(lease=lease, since=now)

    def is_free(self, *, identity: str, now: float) -> bool:
        """Whether whoever has this identity may write himself into it."""
        if self.lease.holder in {"", identity}:
            return True
        seconds = min(max(self.lease.duration_seconds, 1), MAX_DURATION_SECONDS)
        return now >= self.since + seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """`duration`: how long a Lease binds others. `deadline`: how long its holder believes in it.

    `renew` and `retry`: seconds between two writes of the holder, two looks of the others. Between
    deadline and duration, the old holder has stopped and the new one has not begun.
    """

    duration: int = 15
    deadline: float = 10.0
    renew: float = 5.0
    retry: float = 2.0


USUAL = Timing()
