"""A rate over time as a few lines of text."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil

_ROWS = 12
_WIDTH = 50
_STEPS = (1, 2, 5, 10, 20, 30, 60)


def rate_chart(moments: Sequence[float], *, until: float) -> Iterator[str]:
    """Bars of events per second, from second 0 to `until`, in a dozen lines at most."""
    step = next((step for step in _STEPS if ceil(until / step) <= _ROWS), _STEPS[-1])
    counted = Counter(int(moment // step) for moment in moments if 0 <= moment < until)
    rates = [counted[row] / step for row in range(ceil(until / step))]
    most = max(rates, default=0.0) or 1.0
    for row, rate in enumerate(rates):
        bar = "█" * ceil(_WIDTH * rate / most)
        span = f"{row * step:>3}-{(row + 1) * step} s"
        yield f"{span:>9} {bar} {rate:,.0f}/s"


def peak_rate(moments: Sequence[float]) -> int:
    """The most events within one second of the clock."""
    return max(Counter(int(moment // 1) for moment in moments).values(), default=0)
