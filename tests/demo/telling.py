"""How the demo speaks: short lines with timings, and one sentence when something is not as told."""

import sys
import textwrap
from collections.abc import Callable
from time import monotonic

WIDTH = 100
_INDENT = "   "
_FIGURE = 12  # the column of timings


class NotAsToldError(Exception):
    """A step did not go as the demo says it does; the message says what was seen instead."""


def expect(told: object, *, but: str) -> None:
    """Go on if it is as told; else end the demo, saying `but`."""
    if not told:
        raise NotAsToldError(but)


def say(line: str = "") -> None:
    """One line, at once: what is slow is seen to be slow."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def heading(text: str) -> None:
    """The beginning of a step."""
    say()
    say(text)


def fact(text: str, *, took: float | None = None) -> None:
    """Something that was just seen, with the time it took in a column of its own."""
    figure = "" if took is None else milliseconds(took)
    first = f"{_INDENT}{figure:>{_FIGURE - 3}}  "
    for line in textwrap.wrap(
        text,
        width=WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    ):
        say(line)


def quote(text: str, *, cut: bool = False) -> None:
    """Somebody else's lines; what does not fit goes on in the next line, or is cut and marked."""
    margin = " " * (_FIGURE + 2) + "| "
    for line in text.splitlines():
        if cut and len(margin + line) > WIDTH:
            say(f"{margin}{line}"[: WIDTH - 3] + "...")
            continue
        for part in textwrap.wrap(
            line,
            width=WIDTH,
            initial_indent=margin,
            subsequent_indent=f"{margin}    ",
            break_on_hyphens=False,
        ):
            say(part)


def milliseconds(seconds: float) -> str:
    """A time a reader can compare: always in the same unit."""
    return f"{seconds * 1000:,.0f} ms"


def timed(action: Callable[[], object]) -> float:
    """How long an action took."""
    began = monotonic()
    action()
    return monotonic() - began
