"""What planning must know of the world beyond what stands on disk, and how it asks for it.

Whether a change may be written can depend on whether a route works, and only a probe can tell.
Planning stays pure: it looks into `Answers`, raises `Unanswered` with all that it misses, and is
called again with more. The loop ends because every question is asked once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.planning.evidence import ProbeResult, Proof
from agent.planning.model import Route


class Unanswered(Exception):  # noqa: N818 - not an error: a question
    """What must be tried before the plan can be made."""

    def __init__(self, *, routes: frozenset[Route], hosts: frozenset[str]) -> None:
        super().__init__(f"{len(routes)} routes and {len(hosts)} hosts are to be tried")
        self.routes = routes
        self.hosts = hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was tried so far in this pass."""

    probes: Mapping[Route, ProbeResult] = field(default_factory=dict)
    proofs: Mapping[str, Proof] = field(default_factory=dict)

    def probe(self, route: Route) -> ProbeResult:
        """How a pull along the route would fare. Raises Unanswered while it was not tried."""
        if route not in self.probes:
            raise Unanswered(routes=frozenset({route}), hosts=frozenset())
        return self.probes[route]

    def proof(self, host: str) -> Proof:
        """What the runtime meets under the name now, by whatever configuration.

        Raises Unanswered while it was not tried.
        """
        return self.proofs_of((host,))[0]

    def proofs_of(self, hosts: Sequence[str]) -> tuple[Proof, ...]:
        """The same of several names, asked at once."""
        if untried := frozenset(hosts).difference(self.proofs):
            raise Unanswered(routes=frozenset(), hosts=untried)
        return tuple(self.proofs[host] for host in hosts)
