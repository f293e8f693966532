"""Probes of several routes at once, so that dead endpoints cost the time of one, not of all."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from agent.planning.evidence import ProbeResult
from agent.planning.model import Route
from agent.ports import Probe

PARALLEL = 8


def probe_all(probe: Probe, routes: Iterable[Route]) -> dict[Route, ProbeResult]:
    """How each route fares; each is tried once, eight at a time."""
    distinct = tuple(dict.fromkeys(routes))
    if len(distinct) <= 1:
        return {route: probe.probe(route) for route in distinct}
    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="probe") as pool:
        return dict(zip(distinct, pool.map(probe.probe, distinct), strict=True))
