"""What a command says, on stdout and stderr, whoever listens and in whatever encoding."""

import os
import sys
import traceback
from collections.abc import Iterable
from io import TextIOWrapper
from types import TracebackType

from agent.errors import Problem
from agent.planning.secrets import redact_words
from agent.reporting.texts import problem_lines

PROGRAM = "registry-node-agent"


class UnheardError(Exception):
    """What was said to stdout cannot be written there."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def escape_what_has_no_encoding() -> None:
    """Let no name of a file or an object end a command, only because a terminal cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def redact_tracebacks() -> None:
    """Let a bug that ends the process be shown as Python does, without what may be a secret."""
    sys.excepthook = _show_bug


def say(lines: Iterable[str]) -> None:
    """To stdout, at once, with what others have left to be written there. Raises UnheardError."""
    if sys.stdout is None:  # closed by whoever started us
        return
    try:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()
    except OSError as error:
        raise UnheardError(error) from error


def complain(problems: Iterable[Problem]) -> bool:
    """To stderr. Returns whether there was anything to complain of."""
    lines = problem_lines(problems)
    for line in lines:
        sys.stderr.write(f"{PROGRAM}: {line}\n")
    return bool(lines)


def fall_silent(unheard: UnheardError) -> None:
    """Send what is left to nowhere, else Python tries it again at exit; and tell why, on stderr.

    Whoever closed a pipe has read enough, and is told nothing.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    if not isinstance(unheard.error, BrokenPipeError):
        sys.stderr.write(f"{PROGRAM}: cannot write to stdout: {unheard.error.strerror}\n")


def _show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(redact_words("".join(traceback.format_exception(kind, error, trace))))
