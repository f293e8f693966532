"""Simulated nodes, or bare clients, in as many processes as they need."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from time import monotonic
from typing import TypeVar

from tests.bench.scale.crowd import Crowd, Kind, Order
from tests.bench.scale.inhabitant import Inhabitant
from tests.bench.scale.site import Site
from tests.ground.closing import Closing

_T = TypeVar("_T")

_IN_ONE_PROCESS = 250


class Fleet(Closing):
    """All of them, started and having seen the Service; they end with `close`."""

    def __init__(self, site: Site, *, kind: Kind, count: int, quick: bool = False) -> None:
        self.count = count
        self._processes: list[Inhabitant[Crowd]] = []
        share = ceil(count / ceil(count / _IN_ONE_PROCESS))
        try:
            for first in range(0, count, share):
                order = Order(
                    kind=kind,
                    first=first,
                    count=min(share, count - first),
                    token=site.token,
                    authority=site.cluster_authority,
                    quick=quick,
                )
                self._processes.append(
                    Inhabitant(
                        node=site.hub, directory=site.directory, kind="crowd", argument=order
                    )
                )
            for process in self._processes:
                process.object.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for process in self._processes:
            process.close()

    def publish(self) -> None:
        """Let each agent make its Lease, a few at a time, and from now on renew it."""
        for process in self._processes:
            process.object.publish()

    def saw(self, port: int, *, seconds: float) -> list[float]:
        """When each first saw that port, in monotonic time; those that did within the seconds."""
        until = monotonic() + seconds
        return sorted(
            time
            for times in self._ask(lambda crowd: crowd.saw(port, until=until))
            for time in times
        )

    def ports(self) -> Counter[int]:
        """How many see which port now."""
        return sum(self._ask(lambda crowd: crowd.ports()), Counter())

    def watch_ends(self) -> Counter[str]:
        """How watches have ended so far, or attempts at one."""
        return sum(self._ask(lambda crowd: crowd.watch_ends()), Counter())

    def _ask(self, question: Callable[[Crowd], _T]) -> list[_T]:
        with ThreadPoolExecutor(len(self._processes)) as pool:
            return list(pool.map(question, (process.object for process in self._processes)))
