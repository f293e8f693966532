"""SIGTERM and SIGINT end the process in order.

A Python handler runs in the main thread in the midst of whatever that does, and `Event.set` there
waits for a lock that the main thread itself may hold: it would for ever, and the kubelet would have
to kill. So the handler does nothing; the interpreter writes the signal's number into a pipe
(`signal.set_wakeup_fd`), and a thread reads it. No signal is blocked: a child would inherit that.
"""

import os
import signal
import threading
from collections.abc import Callable


def when_asked_to_end(end: Callable[[], None]) -> None:
    """Let `end` be called, in a thread of its own, at each SIGTERM or SIGINT from now on.

    For the main thread only, and once in a process.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _pass_over)

    def wait() -> None:
        while os.read(reading, 1):
            end()

    threading.Thread(name="signals", target=wait, daemon=True).start()


def _pass_over(*_: object) -> None:
    """The pipe has it already."""
