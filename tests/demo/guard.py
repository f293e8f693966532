"""What has to hold before a demo or a bench begins, and how it ends when it is interrupted.

Python of any version can read this file: it is where an old one is told so.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

_INTERRUPTED = 130


def guarded(name: str, play: Callable[[], int]) -> int:
    """The exit status of `play`; 1 with one line when it cannot begin, 130 when interrupted.

    SIGTERM and Ctrl-C unwind it as an exception does, so that what it made is cleaned up.
    """
    obstacle = _obstacle()
    if obstacle:
        sys.stderr.write(f"{name}: {obstacle}\n")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        return play()
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{name}: interrupted; what it made is gone\n")
        return _INTERRUPTED


def _obstacle() -> str:
    if sys.version_info < (3, 11):  # noqa: UP036 - it is started by whatever python3 there is
        return f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}"
    if os.geteuid() != 0:
        return "root is needed: the node is made of namespaces and mounts of its own"
    return ""


def _interrupt(_number: int, _frame: "FrameType | None") -> None:
    """End here and now, and let nothing interrupt the cleaning up."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
