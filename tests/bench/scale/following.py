"""(a) From a change of the Service to the views of all nodes.

The clock starts just before the PATCH is sent. Everything shares this machine's cores: what N nodes
do in parallel is done here one after the other, so that the last one's time is an upper bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from tests.bench.figures import Row
from tests.bench.scale.fleet import Fleet
from tests.bench.scale.site import Site
from tests.ground.namespaces import NodeTroubleError

_REST = Event()  # never set: waiting on it is a pause
_REST_SECONDS = 0.5
_LATEST_SECONDS = 60.0
_WARM_UP = 2


@dataclass(frozen=True, kw_only=True)
class Followed:
    """Milliseconds of each node, change by change."""

    changes: Sequence[Sequence[float]]

    @property
    def last(self) -> list[float]:
        """Of the last node, for each change."""
        return [max(times) for times in self.changes]

    @property
    def every(self) -> list[float]:
        """Of every node and change."""
        return [time for times in self.changes for time in times]


def measure(site: Site, fleet: Fleet, *, changes: int) -> Followed:
    """Change the Service so often. Raises NodeTroubleError if a node does not see it."""
    found = [reach_all(site, fleet) for _ in range(changes + _WARM_UP)]
    return Followed(changes=found[_WARM_UP:])


def rows(count: int, *, agent: Followed, least: Followed) -> tuple[Row, ...]:
    """Both views of the same changes."""
    what = f"(a) {count:,} nodes: Service changed ->"
    return (
        Row(what=f"{what} each node's view", unit="ms", agent=agent.every, least=least.every),
        Row(what=f"{what} the last node's", unit="ms", agent=agent.last, least=least.last),
    )


def reach_all(site: Site, fleet: Fleet) -> list[float]:
    """One change; milliseconds until each node saw it. Raises NodeTroubleError if one did not."""
    _REST.wait(_REST_SECONDS)
    port = site.next_port()
    began = site.hand.set_port(port)
    times = fleet.saw(port, seconds=_LATEST_SECONDS)
    if len(times) != fleet.count:
        lost = fleet.count - len(times)
        raise NodeTroubleError(f"{lost} of {fleet.count} nodes did not see a change")
    return [(time - began) * 1000 for time in times]
