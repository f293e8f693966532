"""(e) What a restart of the API server does: killed and started again under the whole fleet.

Every node loses its watches in the same millisecond. What the API server then receives is read from
its own audit log; connections that were refused while it was down are counted by the nodes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from time import monotonic, time

from tests.bench.figures import p99
from tests.bench.scale import following
from tests.bench.scale.audit import RECEIVED, STARTED, Stage, Tail
from tests.bench.scale.chart import peak_rate, rate_chart
from tests.bench.scale.fleet import Fleet
from tests.bench.scale.names import AGENTS
from tests.bench.scale.site import Site
from tests.ground.namespaces import NodeTroubleError

WATCHES = 2  # of each node
_REST = Event()  # never set: waiting on it is a pause
_LOOK_SECONDS = 0.2
_LATEST_SECONDS = 180.0
_FIRST_REFUSAL = 400


@dataclass(frozen=True, kw_only=True)
class Restart:
    """Seconds are since the kill."""

    nodes: int
    listens: float
    opened: Sequence[float]
    received: Sequence[float]
    refusals: Counter[int]
    ends: Counter[str]
    reached: Sequence[float]

    def lines(self) -> Iterator[str]:
        """What happened, and the requests over time."""
        half, back = self.opened[len(self.opened) // 2], self.opened[-1]
        yield f"(e) {self.nodes:,} nodes: kill -9 of kube-apiserver at 0 s, started again at once"
        yield from rate_chart(self.received, until=back + 1)
        yield (
            f"answers again after {self.listens:.1f} s, half of the watches stand after "
            f"{half:.1f} s, all {len(self.opened):,} after {back:.1f} s"
        )
        refusals = ", ".join(f"{n} x {code}" for code, n in sorted(self.refusals.items()))
        tries = self.ends["unreachable"] + self.ends["refused"] + self.ends["closed"]
        yield (
            f"{len(self.received):,} requests, at most {peak_rate(self.received):,} in a second; "
            f"refused: {refusals or 'none'}; attempts of each watch: "
            f"{tries / (WATCHES * self.nodes):.1f}"
        )
        yield (
            f"then one change reached {len(self.reached):,} of {self.nodes:,} nodes, "
            f"p99 {p99(self.reached):.0f} ms"
        )


def measure(site: Site, fleet: Fleet) -> Restart:
    """Kill it and start it again. Raises NodeTroubleError unless every node comes back."""
    before = fleet.watch_ends()
    tail = site.audit.follow(AGENTS)
    killed = time()
    site.plane.api_server.kill()
    site.plane.api_server.launch()
    site.hand.set_port_at_last(site.next_port())
    listens = time() - killed
    stages = list(_until_all_watch(tail, watches=WATCHES * fleet.count))
    return Restart(
        nodes=fleet.count,
        listens=listens,
        opened=sorted(stage.at - killed for stage in stages if _is_open(stage)),
        received=[stage.at - killed for stage in stages if stage.stage == RECEIVED],
        refusals=Counter(stage.status for stage in stages if stage.status >= _FIRST_REFUSAL),
        ends=fleet.watch_ends() - before,
        reached=following.reach_all(site, fleet),
    )


def _until_all_watch(tail: Tail, *, watches: int) -> Iterator[Stage]:
    until = monotonic() + _LATEST_SECONDS
    opened = 0
    while opened < watches:
        if monotonic() > until:
            raise NodeTroubleError(f"{opened} of {watches} watches came back")
        _REST.wait(_LOOK_SECONDS)
        for stage in tail.stages():
            opened += _is_open(stage)
            yield stage


def _is_open(stage: Stage) -> bool:
    """Whether a watch stands from now on."""
    return stage.stage == STARTED and stage.verb == "watch" and stage.status < _FIRST_REFUSAL
