"""(d) The Service deleted and made anew at once, as `kubectl replace --force` does it.

Every node gets the two events; that nothing was missed, each asks by a LIST later.
"""

from collections.abc import Iterator
from threading import Event
from time import monotonic

from tests.bench.scale import cluster_objects
from tests.bench.scale.audit import RECEIVED
from tests.bench.scale.chart import peak_rate
from tests.bench.scale.fleet import Fleet
from tests.bench.scale.names import AGENTS, SERVICE
from tests.bench.scale.site import Site
from tests.ground.namespaces import NodeTroubleError

_REST = Event()  # never set: waiting on it is a pause
_SECONDS = 12.0
_LATEST_SECONDS = 60.0


def measure(site: Site, fleet: Fleet) -> Iterator[str]:
    """Once, and the line about it. Raises NodeTroubleError if a node does not see the new one."""
    tail = site.audit.follow(AGENTS)
    port = site.next_port()
    site.plane.kubectl("delete", "service", SERVICE, "--namespace=registry")
    site.plane.kubectl.apply(cluster_objects.service(port=port))
    made = monotonic()
    times = fleet.saw(port, seconds=_LATEST_SECONDS)
    if len(times) != fleet.count:
        raise NodeTroubleError(f"{fleet.count - len(times)} nodes did not see the new Service")
    _REST.wait(_SECONDS)
    asked = [
        stage.at
        for stage in tail.stages()
        if stage.stage == RECEIVED and stage.resource == "services"
    ]
    yield (
        f"(d) {fleet.count:,} nodes: Service deleted and made anew; all saw the new one at most "
        f"{max(0.0, times[-1] - made):.1f} s after kubectl was done; then {len(asked):,} requests, "
        f"at most {peak_rate(asked):,} in a second"
    )
