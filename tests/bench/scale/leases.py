"""(c) What a change makes the whole fleet write: each node's Lease."""

from collections import Counter
from collections.abc import Iterator
from threading import Event
from time import time

from tests.bench.scale import following
from tests.bench.scale.audit import COMPLETE, RECEIVED
from tests.bench.scale.chart import peak_rate
from tests.bench.scale.fleet import Fleet
from tests.bench.scale.names import AGENTS
from tests.bench.scale.site import Site

_REST = Event()  # never set: waiting on it is a pause
_SECONDS = 15.0


def measure(site: Site, fleet: Fleet) -> Iterator[str]:
    """One change, and the line about it. The nodes have to publish."""
    tail = site.audit.follow(AGENTS)
    began = time()
    following.reach_all(site, fleet)
    _REST.wait(_SECONDS)
    stages = [stage for stage in tail.stages() if stage.resource == "leases"]
    received = [stage.at - began for stage in stages if stage.stage == RECEIVED]
    answers = Counter(stage.status for stage in stages if stage.stage == COMPLETE)
    ends = [stage.at - began for stage in stages if stage.stage == COMPLETE]
    shown = ", ".join(f"{count:,} x {status}" for status, count in sorted(answers.items()))
    yield (
        f"(c) {fleet.count:,} nodes: after one change {len(received):,} writes of Leases, at most "
        f"{peak_rate(received):,} in a second; answered: {shown}; the last after {max(ends):.1f} s"
    )
