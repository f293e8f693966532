"""What a pass found and did: the one value that metrics, logs, health and commands speak from."""

from dataclasses import dataclass
from datetime import datetime

from agent.errors import Problem, Reason
from agent.planning.evidence import ProbeStep
from agent.planning.model import Endpoint, RegistryName


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStatus:
    """One registry as this node has it after the pass.

    `reached` holds the probe's steps that succeeded, EFFECTIVE only when the runtime itself was
    seen to reach the registry under every cluster hostname. `trust_expiry` is the moment from
    which no anchor on the node is valid any more; None while there is none. `strict_reason` is
    why the bundle alone, without the node's own roots, would not do; None when it does. `anchors`
    are the SHA-256 fingerprints of the anchors on the node, lower-case hex. `auth_entry` is what
    the node's own auth file must hold, where the runtime was refused and pull secrets do not help;
    `anonymous_only` is where nothing helps.
    """

    registry: RegistryName
    hosts: tuple[str, ...]
    endpoint: Endpoint | None
    trust_sha256: str
    reached: frozenset[ProbeStep]
    trust_expiry: datetime | None
    strict_reason: Reason | None = None
    anchors: tuple[str, ...] = ()
    auth_entry: str = ""
    anonymous_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A pass, ended. `seconds` is its duration, `finished` its end by the wall clock, UTC.

    `runtime` is the container runtime's kind and version, empty while it is not known.
    """

    problems: tuple[Problem, ...]
    registries: tuple[RegistryStatus, ...]
    files_written: int
    changed: tuple[str, ...]
    seconds: float
    finished: datetime
    runtime: str = ""

    @property
    def in_sync(self) -> bool:
        """Whether this node is as asked and the runtime was seen to use it."""
        return not self.problems
