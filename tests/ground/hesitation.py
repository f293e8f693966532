"""Programs that hesitate before they open a file, so that what lies between two reads gets time."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.ground import programs


@contextmanager
def slow_to_open(*pids: int, seconds: float, path: str = "") -> Iterator[None]:
    """Delay each opening of a file, or of that one only, in these processes and their threads."""
    strace = programs.strace()
    delay = f"inject=openat:delay_enter={seconds * 1e6:.0f}"
    attached = [part for pid in pids for part in ("-p", str(pid))]
    only = ["-P", path] if path else []
    with subprocess.Popen(  # noqa: S603 - the program of the cache, at processes of our own
        [
            *(str(strace.executable), "-f", *attached, "-o", "/dev/null"),
            *(*only, "-e", "trace=openat", "-e", delay),
        ],
        env=strace.environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as tracer:
        assert tracer.stderr is not None
        for _ in pids:
            assert "attached" in tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.terminate()
