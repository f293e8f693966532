"""The view out of an API server: followed by a watch for each kind, or from one look.

Both are a `Source` (agent.ports).
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from time import monotonic
from typing import get_args

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiError, problem_of
from agent.cluster.cluster_view import Wanted, view_of
from agent.cluster.last_seen import Snapshot
from agent.cluster.targets import Target, list_objects
from agent.cluster.watch import End, Timing, Watch
from agent.planning.model import ClusterView

FIRST_VIEW_SECONDS = 5.0
"""How long the first view may wait for the first answers."""
CLOSE_SECONDS = 1.0

_TICK_SECONDS = 0.1


class OneLook:
    """One LIST for each kind whenever a view is asked for."""

    def __init__(self, *, api: Api, wanted: Wanted) -> None:
        self._api = api
        self._wanted = wanted

    def view(self) -> ClusterView:
        """Ask, and return what is wanted now; what did not answer is in the problems."""
        return view_of(
            self._wanted, {target.name: self._look(target) for target in self._wanted.targets}
        )

    def _look(self, target: Target) -> Snapshot:
        try:
            objects = list_objects(self._api, target).objects
        except ApiError as error:
            problem = problem_of(error, server=self._api.server, subject=target.name)
            return Snapshot(problem=problem)
        return Snapshot(objects=tuple(objects.values()), known=True)


class KubernetesSource:
    """A watch for each kind, each in a thread of its own.

    `changed` is called when the view may be another one; `stop` ends a wait for the first view.
    """

    def __init__(
        self,
        *,
        api: Api,
        wanted: Wanted,
        changed: Callable[[], None],
        stop: threading.Event,
        timing: Timing | None = None,
    ) -> None:
        self._api = api
        self._wanted = wanted
        self._stop = stop
        self._lock = threading.Lock()
        self._ends: Counter[str] = Counter(dict.fromkeys(get_args(End), 0))
        self._watches = {
            target.name: Watch(
                api=api,
                target=target,
                changed=changed,
                ended=self._count,
                timing=timing or Timing(),
            )
            for target in wanted.targets
        }
        self._threads = [
            threading.Thread(name=f"watch {name}", target=watch.run, daemon=True)
            for name, watch in self._watches.items()
        ]
        self._first_view_until = 0.0

    def start(self) -> None:
        """Begin to watch."""
        self._first_view_until = monotonic() + FIRST_VIEW_SECONDS
        for thread in self._threads:
            thread.start()

    def view(self) -> ClusterView:
        """What is wanted now. The first views wait for the first answers, a few seconds at most."""
        for watch in self._watches.values():
            while not self._stop.is_set() and monotonic() < self._first_view_until:
                if watch.looked.wait(_TICK_SECONDS):
                    break
        return view_of(
            self._wanted, {name: watch.snapshot() for name, watch in self._watches.items()}
        )

    def in_contact(self) -> bool:
        """Whether everything is known now. May be called by any thread."""
        return all(watch.snapshot().known for watch in self._watches.values())

    def watch_ends(self) -> Mapping[str, int]:
        """How many watches ended so far, by how. May be called by any thread."""
        with self._lock:
            return dict(self._ends)

    def close(self) -> None:
        """End the threads, and with them every other request of this API."""
        for watch in self._watches.values():
            watch.close()
        self._api.close()
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)

    def _count(self, end: End) -> None:
        with self._lock:
            self._ends[end] += 1
