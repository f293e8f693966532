"""(f) Outages in the midst of changes: at the end every node has the last state, and no other.

The API server is killed once, and once together with etcd, which then goes on from its disk.
"""

from collections.abc import Iterator
from threading import Event
from time import monotonic

from tests.bench.scale.fleet import Fleet
from tests.bench.scale.site import Site
from tests.ground.namespaces import NodeTroubleError

_REST = Event()  # never set: waiting on it is a pause
_REST_SECONDS = 0.3
_CHANGES = 60
_OUTAGES = {15: ("api_server",), 40: ("api_server", "etcd")}
"""By the change after which they begin."""
_LATEST_SECONDS = 120.0


def verify(site: Site, fleet: Fleet) -> Iterator[str]:
    """Lines. Raises NodeTroubleError if a node ends with another view."""
    for number in range(_CHANGES):
        site.hand.set_port_at_last(site.next_port())
        for server in _OUTAGES.get(number, ()):
            getattr(site.plane, server).kill()
        for server in reversed(_OUTAGES.get(number, ())):
            getattr(site.plane, server).launch()
        _REST.wait(_REST_SECONDS)
    ended = monotonic()
    times = fleet.saw(site.port, seconds=_LATEST_SECONDS)
    found = fleet.ports()
    if found != {site.port: fleet.count}:
        raise NodeTroubleError(f"after the outages the nodes see {dict(found)}, not {site.port}")
    late = max(0.0, max(times) - ended)
    yield (
        f"(f) {fleet.count:,} nodes: {_CHANGES} changes; kube-apiserver killed at one of them, and "
        "together with etcd at another"
    )
    yield f"all {fleet.count:,} views are right, the last {late:.1f} s after the last change"
