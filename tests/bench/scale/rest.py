"""(h) Requests per second at rest, of a fleet in which nothing happens.

A watch lives for half an hour to an hour, and a Lease is renewed every ten minutes. Nobody waits
for that: here all of it is QUICKER, on both sides, and the rate is divided by as much.
"""

from collections import Counter
from collections.abc import Iterator
from threading import Event

from tests.bench.figures import Row
from tests.bench.scale.audit import RECEIVED, Tail
from tests.bench.scale.crowd import QUICKER
from tests.bench.scale.fleet import Fleet
from tests.bench.scale.names import AGENTS, BARE
from tests.bench.scale.site import Site

_REST = Event()  # never set: waiting on it is a pause
_NODES = 100
_SHOWN = 1000
_WARM_UP_SECONDS = 60.0  # by then each watch has ended once, and their ends are spread


def measure(site: Site, *, seconds: float) -> Iterator[Row | str]:
    """The row, and what the agents' requests are."""
    site.start_afresh()
    with (
        Fleet(site, kind="agent", count=_NODES, quick=True) as agents,
        Fleet(site, kind="bare", count=_NODES, quick=True),
    ):
        agents.publish()
        _REST.wait(_WARM_UP_SECONDS)
        tails = [site.audit.follow(client) for client in (AGENTS, BARE)]
        _REST.wait(seconds)
        agent, least = (_requests(tail) for tail in tails)
    per_second = _SHOWN / _NODES / seconds / QUICKER
    yield Row(
        what=f"(h) {_SHOWN:,} nodes at rest: requests to the API server",
        unit="1/s",
        agent=[agent.total() * per_second],
        least=[least.total() * per_second],
    )
    kinds = ", ".join(
        f"{count * per_second:.2f} {verb} {resource}"
        for (verb, resource), count in agent.most_common()
    )
    yield f"(h) of the agents' requests at rest, per second and {_SHOWN:,} nodes: {kinds}"


def _requests(tail: Tail) -> Counter[tuple[str, str]]:
    """How many of each verb and resource came."""
    return Counter(
        (stage.verb, stage.resource) for stage in tail.stages() if stage.stage == RECEIVED
    )
