"""Live, ready: from the loop's own heartbeat, and from nothing else.

Neither the API server, nor the registry, nor the runtime has a say: a probe that fails with them
would restart the agents of a whole fleet just when they are needed.
"""

STUCK_SECONDS = 600.0
"""Longer than any pass: 32 registries, eight at a time, all timing out, take about five minutes."""


def liveness(*, now: float, last_beat: float) -> tuple[bool, str]:
    """Whether the loop still turns; both times in monotonic seconds."""
    age = now - last_beat
    if age < STUCK_SECONDS:
        return True, "the loop turns"
    return False, f"the loop has not turned for {age:.0f} s"


def readiness(*, first_pass_ended: bool) -> tuple[bool, str]:
    """Whether the first pass has ended, whatever came of it."""
    if first_pass_ended:
        return True, "the first pass has ended"
    return False, "the first pass has not ended yet"
