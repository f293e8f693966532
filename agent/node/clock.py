"""The node's clocks."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Satisfies `ports.Clock`."""

    def now(self) -> datetime:
        """Wall clock, UTC, aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
