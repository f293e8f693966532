"""A daemon that was found once: it is looked for again when it has ended, and once a minute.

Finding one is a walk through all of /proc, seeing that it still runs is one `stat` file. A better
one may have been started meanwhile, such as k3s's containerd after Docker's.
"""

import time
from collections.abc import Callable
from pathlib import Path

from agent.node.node_trouble import node_trouble
from agent.node.processes import Daemon, start_time
from agent.planning.model import HostPath

SEARCH_SECONDS = 60.0


class RememberedDaemon:
    """What `search` finds; None while it finds none."""

    def __init__(
        self,
        proc: Path,
        search: Callable[[], Daemon | None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proc = proc
        self._search = search
        self._monotonic = monotonic
        self._daemon: Daemon | None = None
        self._searched = 0.0

    def find(self) -> Daemon | None:
        """The daemon; None when none runs. Raises NodeTrouble when /proc cannot be read."""
        known = self._daemon
        if (
            known is not None
            and self._monotonic() - self._searched < SEARCH_SECONDS
            and start_time(self._proc, known.pid) == known.start_time
        ):
            return known
        with node_trouble(where=HostPath("/proc"), doing="looking for the container runtime"):
            self._daemon = self._search()
        self._searched = self._monotonic()
        return self._daemon
