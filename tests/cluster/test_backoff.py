"""Waits grow, differ from node to node, and give the server the time it asks for."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agent.cluster.api_errors import ApiRefusedError, ApiUnreachableError
from agent.cluster.backoff import FIRST_SECONDS, LAST_SECONDS, Backoff
from agent.cluster.watch import Timing

DOWN = ApiUnreachableError("down")


@given(st.integers(0, 2000))
def test_no_wait_is_longer_than_the_last(failures: int) -> None:
    assert 0 <= Backoff(failures).after(DOWN) <= LAST_SECONDS


def test_a_fleet_that_failed_together_comes_back_spread_over_all_of_the_time() -> None:
    waits = sorted(Backoff(failures=10).after(DOWN) for _ in range(2000))
    for part in range(1, 10):
        assert abs(waits[200 * part] / LAST_SECONDS - part / 10) < 0.05


def test_of_5000_nodes_that_lose_the_server_at_once_few_come_back_in_the_same_second() -> None:
    timing = Timing()
    waits = [Backoff(first_seconds=timing.first_backoff).after(DOWN) for _ in range(2 * 5000)]
    assert max(Counter(map(int, waits)).values()) < 2200


def test_the_bound_doubles_with_each_failure_and_begins_anew_after_a_success() -> None:
    def longest(failures: int) -> float:
        return max(Backoff(failures).after(DOWN) for _ in range(1000))

    bounds = [longest(failures) for failures in range(5)]
    assert [round(bound / FIRST_SECONDS) for bound in bounds] == [1, 2, 4, 8, 16]
    used = Backoff(failures=9)
    used.succeeded()
    assert used.after(DOWN) <= FIRST_SECONDS


def test_what_the_server_asks_for_is_waited_first() -> None:
    busy = ApiRefusedError(status=429, reason="", message="", retry_after_seconds=7.0)
    assert all(7.0 <= Backoff().after(busy) <= 7.0 + FIRST_SECONDS for _ in range(100))
