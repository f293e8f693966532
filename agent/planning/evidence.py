"""What was seen when a route was tried: by a probe from here, and by the runtime itself."""

from dataclasses import dataclass
from enum import StrEnum

from agent.errors import Reason


class ProbeStep(StrEnum):
    """The steps from the node to a pull, in order; each needs the one before."""

    TCP = "tcp"
    TLS = "tls"
    API = "api"
    EFFECTIVE = "effective"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What a pull along a route would meet, as the runtime would judge it.

    `reached` holds the steps that succeeded. `reason` is None when all of them did; `detail` is
    in the words of what failed. `strict_reason` is the verdict of the bundle alone, without the
    node's own roots: reported, never used to decide.
    """

    reached: frozenset[ProbeStep]
    reason: Reason | None = None
    detail: str = ""
    strict_reason: Reason | None = None

    @property
    def works(self) -> bool:
        """Whether a pull along the route would get to the registry's API."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the runtime answered to the pull of a tag that cannot exist.

    `reason` is None when the answer came from the registry ("not found"): the route is effective.
    `authority` is the `address:port` that the runtime says it asked, where it says so.
    """

    reason: Reason | None
    detail: str
    authority: str = ""

    @property
    def effective(self) -> bool:
        """Whether the runtime itself was seen to reach a registry under the name."""
        return self.reason is None
