"""(b) What one more node costs the API server in resident memory, clients being idle.

What Go has freed and not given back is in it, on both sides.
"""

from threading import Event

from tests.bench.figures import Row
from tests.bench.scale.site import Site

_REST = Event()  # never set: waiting on it is a pause
_SETTLE_SECONDS = 10.0
_KIB = 1024
_FEWEST = 500


class Scale:
    """Set up while there are no clients."""

    def __init__(self, site: Site) -> None:
        """Wait until a fresh API server has calmed down."""
        self._site = site
        _REST.wait(_SETTLE_SECONDS)
        self._before = site.api_server_mib

    def kib_for_each_of(self, count: int) -> float:
        """For each of so many, once they are idle."""
        _REST.wait(_SETTLE_SECONDS)
        return (self._site.api_server_mib - self._before) * _KIB / count


def rows(count: int, *, watching: float, publishing: float, least: float) -> tuple[Row, ...]:
    """Of a node that watches only, and of one that has published its Lease too.

    None where the nodes are so few that what Go holds in reserve is more than they need.
    """
    if count < _FEWEST:
        return ()
    what = f"(b) {count:,} nodes: API server memory per node"
    return (
        Row(what=what, unit="KiB", agent=[watching], least=[least]),
        Row(what=f"{what}, with Lease", unit="KiB", agent=[publishing], least=[least]),
    )
