"""One run of the scale bench, from the machine's description to the tables."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import monotonic

from tests.bench import machine
from tests.bench.figures import Row, table
from tests.bench.scale import following, leases, memory, outages, replacing, rest, restart, whole
from tests.bench.scale.fleet import Fleet
from tests.bench.scale.site import Site, set_up
from tests.demo.telling import say

_NOTES = """\
`agent`: simulated nodes, which are the agent's own watches, view and Lease, many in one process.
`least`: bare clients that watch the same two objects by name and do nothing else. Both share the
cores of this machine with the API server. Only that no node is lost is asserted."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How many nodes, and of those, under how many the API server is restarted; how often what."""

    fleets: tuple[int, ...]
    restarts: frozenset[int]
    outages: frozenset[int]
    changes: int
    whole_changes: int
    rest_seconds: float


def measure(effort: Effort) -> None:
    """Measure everything and print it. Raises NodeTroubleError when a node is lost."""
    began = monotonic()
    rows: list[Row] = []
    try:
        _measure_parts(effort, rows)
    finally:
        say()
        for line in table(rows):
            say(line)
    say()
    say(_NOTES)
    say(f"Took {monotonic() - began:.0f} s.")


def _measure_parts(effort: Effort, rows: list[Row]) -> None:
    with set_up() as site:
        for line in machine.describe(site.hub):
            say(line)
        for count in effort.fleets:
            _part(f"{count:,} nodes", _fleet(site, count, effort), rows)
        whole_agents = whole.measure(
            site, changes=effort.whole_changes, rest_seconds=effort.rest_seconds
        )
        _part("whole agents", whole_agents, rows)
        _part("at rest", rest.measure(site, seconds=effort.rest_seconds), rows)


def _part(name: str, found: Iterable[Row | str], rows: list[Row]) -> None:
    """Print the lines as they come, keep the rows, say how long it took."""
    began = monotonic()
    say()
    say(f"{name} ...")
    for item in found:
        match item:
            case Row():
                rows.append(item)
            case str():
                say(f"  {item}")
    say(f"  took {monotonic() - began:.0f} s")


def _fleet(site: Site, count: int, effort: Effort) -> Iterator[Row | str]:
    site.start_afresh()
    scale = memory.Scale(site)
    with Fleet(site, kind="bare", count=count) as fleet:
        bare_kib = scale.kib_for_each_of(count)
        bare = following.measure(site, fleet, changes=effort.changes)
    site.start_afresh()
    scale = memory.Scale(site)
    with Fleet(site, kind="agent", count=count) as fleet:
        watching = scale.kib_for_each_of(count)
        agent = following.measure(site, fleet, changes=effort.changes)
        fleet.publish()
        publishing = scale.kib_for_each_of(count)
        yield from following.rows(count, agent=agent, least=bare)
        yield from memory.rows(count, watching=watching, publishing=publishing, least=bare_kib)
        yield from leases.measure(site, fleet)
        yield from replacing.measure(site, fleet)
        if count in effort.restarts:
            yield from restart.measure(site, fleet).lines()
        if count in effort.outages:
            yield from outages.verify(site, fleet)
