"""A signal ends the process, whatever its main thread is in the midst of."""

import signal
import subprocess
import sys

ASKED_WITH_A_LOCK_HELD = """
import os, signal, threading
from agent.ending import when_asked_to_end

lock, asked = threading.Lock(), threading.Event()

def end():
    with lock:
        asked.set()

when_asked_to_end(end)
with lock:
    os.kill(os.getpid(), signal.{name})
    threading.Event().wait(0.1)
assert asked.wait(30)
"""

CHILD = """
import subprocess, sys
from agent.ending import when_asked_to_end

when_asked_to_end(lambda: None)
child = subprocess.run([sys.executable, "-uc", {code!r}], capture_output=True, text=True)
print(child.returncode, child.stdout, end="")
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours


def test_a_lock_that_the_main_thread_holds_at_that_moment_does_not_stop_it() -> None:
    for name in ("SIGTERM", "SIGINT"):
        done = python(ASKED_WITH_A_LOCK_HELD.format(name=name))
        assert (done.returncode, done.stderr) == (0, "")


def test_a_child_blocks_no_signal_and_is_ended_by_one() -> None:
    code = "import os, signal; print(signal.pthread_sigmask(0, [])); os.kill(os.getpid(), 15)"
    done = python(CHILD.format(code=code))
    assert done.stdout == f"{-signal.SIGTERM} set()\n"
