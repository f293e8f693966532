"""What was last seen holds for a while out of contact, and whatever changes is told, once."""

from dataclasses import dataclass

import pytest

from agent.cluster.last_seen import LastSeen
from agent.errors import Problem, Reason

GRACE_SECONDS = 60.0
DOWN = Problem(reason=Reason.API_UNREACHABLE, where="here", detail="down")
OTHER = Problem(reason=Reason.API_FORBIDDEN, where="here", detail="no")
OBJECT = {"metadata": {"name": "a"}}


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def seen(clock: Clock) -> LastSeen:
    return LastSeen(grace_seconds=GRACE_SECONDS, clock=clock)


def test_nothing_is_known_before_the_first_list(seen: LastSeen) -> None:
    assert not seen.snapshot().known
    assert seen.failed(DOWN)
    assert seen.snapshot().problem == DOWN


def test_what_was_listed_is_known_for_the_grace_and_for_as_long_as_a_watch_stands(
    seen: LastSeen, clock: Clock
) -> None:
    assert seen.listed({"a": OBJECT})
    clock.now += GRACE_SECONDS
    assert seen.snapshot().known
    clock.now += 1
    assert not seen.snapshot().known
    seen.opened()
    clock.now += 100 * GRACE_SECONDS
    assert seen.snapshot().known
    seen.closed()
    clock.now += GRACE_SECONDS + 1
    assert not seen.snapshot().known
    assert seen.snapshot().objects == (OBJECT,)


def test_a_failure_is_told_when_it_has_lasted(seen: LastSeen, clock: Clock) -> None:
    seen.listed({})
    seen.opened()
    seen.closed()
    assert not seen.failed(DOWN)
    clock.now += GRACE_SECONDS
    assert not seen.failed(DOWN)
    clock.now += 1
    assert seen.failed(DOWN)
    assert not seen.failed(DOWN), "once"
    assert seen.failed(OTHER)


def test_what_ends_a_failure_is_told_too(seen: LastSeen, clock: Clock) -> None:
    seen.failed(DOWN)
    clock.now += GRACE_SECONDS + 1
    assert seen.listed({})
    assert seen.snapshot().problem == DOWN, "it may list, and cannot watch yet"
    assert seen.opened()
    assert seen.snapshot().problem is None


def test_what_is_as_it_was_is_not_told(seen: LastSeen) -> None:
    seen.listed({"a": OBJECT})
    seen.opened()
    assert not seen.put("a", {"metadata": {"name": "a"}})
    assert not seen.listed({"a": {"metadata": {"name": "a"}}})
    assert seen.put("b", OBJECT)
    assert seen.listed({"a": OBJECT})
