"""Pass after pass: when woken, when the node is not as the last one found it, in its own time."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.planning.health import liveness, readiness
from agent.planning.outcome import Outcome
from agent.reconciler import Reconciler

RETRY_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""How often the node is looked at between passes: files of ours, runtime, ledger. Only `stat`."""
JITTER = 0.1


@dataclass(slots=True, kw_only=True)
class Loop:
    """Repeats the passes of a reconciler until its `stop`."""

    reconciler: Reconciler
    _last_beat: float = field(init=False)
    _passes: int = 0

    def __post_init__(self) -> None:
        self._beat()

    def live(self) -> tuple[bool, str]:
        """Whether the loop turns. May be called by any thread."""
        return liveness(now=self.reconciler.clock.monotonic(), last_beat=self._last_beat)

    def ready(self) -> tuple[bool, str]:
        """Whether the first pass has ended. May be called by any thread."""
        return readiness(first_pass_ended=self._passes > 0)

    def run(
        self,
        *,
        wake: threading.Event,
        probe_interval_seconds: float,
        report: Callable[[Outcome], None],
    ) -> None:
        """Passes until `stop`: at once when woken, else at the interval, sooner while not in sync.

        Whoever sets `stop` must set `wake` too.
        """
        while not self.reconciler.stop.is_set():
            wake.clear()
            self._beat()
            outcome = self.reconciler.run_pass()
            self._passes += 1
            report(outcome)
            interval = _interval_seconds(outcome, while_healthy=probe_interval_seconds)
            spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret, a herd
            self._wait(wake, min(interval, probe_interval_seconds) * spread)

    def _wait(self, wake: threading.Event, seconds: float) -> None:
        """Until woken, until the time is up, or until the node is not as the pass found it.

        What the pass itself wrote counts too: the pass after it then sees it whole.
        """
        until = self._beat() + seconds
        while (left := until - self._beat()) > 0:
            if wake.wait(min(left, LOOK_SECONDS)) or self.reconciler.moved():
                return

    def _beat(self) -> float:
        self._last_beat = self.reconciler.clock.monotonic()
        return self._last_beat


def _interval_seconds(outcome: Outcome, *, while_healthy: float) -> float:
    """How long the node is left alone, if nothing happens to it.

    What a pass left in use, such as certificates until after a reload, the next one may remove.
    """
    if not outcome.in_sync:
        return RETRY_SECONDS
    return LOOK_SECONDS if outcome.changed else while_healthy
