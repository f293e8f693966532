"""How long to wait after a failure, so that thousands of nodes do not come back as one.

Full jitter: a random time up to a bound that doubles with each failure in a row. What the server
asks for (Retry-After) is waited first. Ten lines; a library for it (`tenacity`, `backoff`) also
wants to own the call that is tried again, which here is a loop with a stop event.
"""

import random
from dataclasses import dataclass

from agent.cluster.api_errors import ApiError, ApiRefusedError

FIRST_SECONDS = 1.0
LAST_SECONDS = 30.0


@dataclass(slots=True)
class Backoff:
    """Counts failures in a row; one for each thing that is tried again.

    `last_seconds` is the bound that the waits grow to, `first_seconds` the one they begin with.
    """

    failures: int = 0
    last_seconds: float = LAST_SECONDS
    first_seconds: float = FIRST_SECONDS

    def after(self, error: ApiError | None) -> float:
        """Seconds to wait after one more failure; one without an error is an end too soon."""
        bound = min(self.last_seconds, self.first_seconds * 2.0 ** min(self.failures, 10))
        self.failures += 1
        asked = error.retry_after_seconds if isinstance(error, ApiRefusedError) else 0.0
        return asked + random.uniform(0.0, bound)  # noqa: S311 - no secret, a herd

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0
