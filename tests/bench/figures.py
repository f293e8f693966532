"""Samples, and how they are shown: minimum, median, 99th percentile, and the ratio of two."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEADER = (
    "what",
    "unit",
    "n",
    "agent min / p50 / p99",
    "least min / p50 / p99",
    "ratio p50",
    "ratio p99",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison. A single figure on each side is shown without percentiles.

    Where the least is as good as nothing, a ratio says nothing: then `comparable` is false.
    """

    what: str
    unit: str
    agent: Sequence[float]
    least: Sequence[float]
    comparable: bool = True

    def cells(self) -> tuple[str, ...]:
        """The row's cells, in the order of HEADER."""
        count = min(len(self.agent), len(self.least))
        single = count == 1
        tail = "" if single else _ratio(p99(self.agent), p99(self.least))
        median = _ratio(statistics.median(self.agent), statistics.median(self.least))
        if not self.comparable:
            median, tail = "-", ""
        sides = (_figures(self.agent), _figures(self.least))
        return (self.what, self.unit, str(count), *sides, median, tail)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of Markdown."""
    cells = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
    for number, line in enumerate(cells):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield f"| {' | '.join(padded)} |"
        if number == 0:
            yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"


def p99(values: Sequence[float]) -> float:
    """The least value that 99 of 100 do not exceed."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def _figures(values: Sequence[float]) -> str:
    if len(values) == 1:
        return _number(values[0])
    return " / ".join(map(_number, (min(values), statistics.median(values), p99(values))))


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def _ratio(agent: float, least: float) -> str:
    return f"{agent / least:.2f}" if least else "-"
