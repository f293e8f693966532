"""All scenarios, one after the other on one stage, and the table of what came of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.demo.telling import say
from tests.rotation import scenarios
from tests.rotation.stage import Outcome, Stage

_HEAD = ("scenario", "pulls", "pushes", "failed", "seconds", "slowest pull")


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How many pulls there have to be, at least."""

    rotation: int
    others: int


def play(effort: Effort) -> int:
    """Play them all. 1 if anything has failed in one of them."""
    with Stage() as stage:
        say(f"Nodes: {stage.site.description}. From an empty cluster ...")
        say(f"All nodes trust the registry {stage.bootstrap():.1f} s after the controller began.")
        for scenario in scenarios.ALL:
            plain = scenario is scenarios.nothing_else
            say(f"{(scenario.__doc__ or '').splitlines()[0]} ...")
            scenario(stage, effort.rotation if plain else effort.others)
    say()
    for line in table(stage.outcomes):
        say(line)
    errors = [error for outcome in stage.outcomes for error in outcome.errors]
    for error in errors:
        say(error)
    return 1 if errors else 0


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Lines of Markdown."""
    rows = [_HEAD, *map(_cells, outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for number, row in enumerate(rows):
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(padded)} |"
        if number == 0:
            yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"


def _cells(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.name,
        f"{outcome.pulls:,}",
        f"{outcome.pushes:,}",
        str(len(outcome.errors)),
        f"{outcome.seconds:.0f}",
        f"{outcome.slowest_seconds:.2f} s",
    )
