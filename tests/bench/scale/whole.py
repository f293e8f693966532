"""(g) Whole agents: from a change to hosts.toml on disk, and what they ask of the registry.

At rest they are made to probe more often, so that there is something to count; what one probe and
one proof ask of the registry gives the rate at the usual intervals, of any number of nodes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from threading import Event

from agent.verifier import PROOF_SECONDS
from tests.bench.figures import p99
from tests.bench.scale.audit import RECEIVED
from tests.bench.scale.names import AGENTS
from tests.bench.scale.site import Site
from tests.bench.scale.whole_agents import WholeAgents
from tests.ground.registry import Request

COUNT = 20
_PROBE_SECONDS = 10.0
_USUAL_PROBE_SECONDS = 300.0
_FLEET = 5000
_REST = Event()  # never set: waiting on it is a pause
_CALM_SECONDS = 8.0
"""By then a change was proven, looked at once more and published; no other probe is due yet."""


def measure(site: Site, *, changes: int, rest_seconds: float) -> Iterator[str]:
    """Lines. Raises NodeTroubleError when an agent does not follow."""
    site.start_afresh()
    tail = site.audit.follow(AGENTS)
    with WholeAgents(site, count=COUNT, probe_seconds=_PROBE_SECONDS) as whole:
        _REST.wait(_CALM_SECONDS)
        asked = Counter(f"{s.verb} {s.resource}" for s in tail.stages() if s.stage == RECEIVED)
        yield f"(g) {COUNT} whole agents, requests of each to the API server: {_each(asked)}"
        at_start = whole.requests_to(site.port)
        _REST.wait(rest_seconds)
        probes = len(whole.requests_to(site.port)) - len(at_start)
        proofs = sum(request.agent.startswith("containerd") for request in at_start)
        yield from _rest_lines(probes * _PROBE_SECONDS / rest_seconds, proofs)
        yield from _change_lines(site, whole, changes)
        yield from _outage_lines(site, whole)


def _rest_lines(probes: float, proofs: float) -> Iterator[str]:
    of_probe, of_proof = probes / COUNT, proofs / COUNT
    usual = of_probe / _USUAL_PROBE_SECONDS + of_proof / PROOF_SECONDS
    yield (
        f"(g) the registry at rest: {of_probe:.1f} requests by each probe, {of_proof:.1f} by the "
        f"runtime's proof of all names; every {_USUAL_PROBE_SECONDS / 60:g} min and every hour "
        f"that is {usual:.4f}/s for each node, {usual * _FLEET:.0f}/s for {_FLEET:,}"
    )


def _change_lines(site: Site, whole: WholeAgents, changes: int) -> Iterator[str]:
    took: list[Sequence[float]] = []
    asked: Counter[str] = Counter()
    for _ in range(changes):
        took.append(whole.follow_change())
        _REST.wait(_CALM_SECONDS)
        asked += _requests(whole.requests_to(site.port))
    every = [seconds * 1000 for times in took for seconds in times]
    last = [max(times) * 1000 for times in took]
    yield (
        f"(g) {COUNT} whole agents: Service changed -> hosts.toml durable: p50 {median(every):.0f} "
        f"ms, p99 {p99(every):.0f} ms; on the last of them p50 {median(last):.0f} ms"
    )
    by_one = Counter({kind: count / changes for kind, count in asked.items()})
    yield f"(g) the registry at a change, requests of each node: {_each(by_one)}"


def _outage_lines(site: Site, whole: WholeAgents) -> Iterator[str]:
    site.plane.api_server.kill()
    site.plane.api_server.launch()
    times = whole.follow_change()
    yield (
        f"(g) kube-apiserver killed and started again, then one change: hosts.toml on all {COUNT} "
        f"nodes, on the last {max(times):.1f} s after the API server took it"
    )


def _requests(found: Sequence[Request]) -> Counter[str]:
    return Counter(f"{request.method} by {request.agent.partition('/')[0]}" for request in found)


def _each(counted: Counter[str]) -> str:
    return ", ".join(f"{count / COUNT:.1f} {kind}" for kind, count in counted.most_common())
