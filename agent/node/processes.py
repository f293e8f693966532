"""The runtimes' daemons of a node, found in its /proc.

Only what root without capabilities may read of a foreign process is read: `comm`, `cmdline`,
`stat`, `status`. `exe`, `environ` and `root` are denied to an agent without capabilities.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

Options = Callable[[Sequence[str]], Mapping[str, str] | None]
"""What a daemon's command line sets; None for a command line that is no daemon's."""

_VALUE_FLAGS = frozenset({"c", "config", "a", "address", "l", "log-level", "root", "state"})
"""Flags of the daemon that take a value (1.5 to 2.4, cmd/containerd/command/main.go, App)."""
_START_TIME = 22  # proc(5), /proc/PID/stat: the fields are numbered from 1
_STATE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A running daemon. `start_time` is in clock ticks since boot: with `pid`, its identity.

    `options` are what its command line says, by the flags' long names. `nested` is one inside a
    container (kind, Docker in Docker): not this node's.
    """

    pid: int
    start_time: int
    options: Mapping[str, str]
    nested: bool

    @property
    def config(self) -> str:
        """The configuration file that it was told to read; empty when it was told none."""
        return self.options.get("config", "")

    @property
    def address(self) -> str:
        """The socket that containerd was told to serve; empty when it was told none."""
        return self.options.get("address", "")


def find_daemons(proc: Path, *, program: str, options: Options) -> tuple[Daemon, ...]:
    """Every daemon of a program that runs now, the longest-running first; none without a /proc."""
    if not proc.is_dir():
        return ()
    found = [daemon for entry in proc.iterdir() for daemon in _daemon(entry, program, options)]
    return tuple(sorted(found, key=lambda daemon: (daemon.start_time, daemon.pid)))


def start_time(proc: Path, pid: int) -> int | None:
    """When the process of that id was started; None when there is none, or only its remains."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return None if fields[0] in {"Z", "X"} else int(fields[_START_TIME - _STATE])


def booted_at() -> float:
    """When the kernel booted, in seconds since 1970 as its clock is now.

    The clock is read first: who is held up between the two takes the boot for earlier, not later.
    """
    now = time.time()
    return now - time.clock_gettime(time.CLOCK_BOOTTIME)


def started_at(daemon: Daemon, *, boot: float) -> float:
    """When the daemon was started, in seconds since 1970 like `boot`, and not a tick later."""
    return boot + daemon.start_time / os.sysconf("SC_CLK_TCK")


def containerd_options(arguments: Sequence[str]) -> dict[str, str] | None:
    """What the daemon's command line sets, by long name; None for a subcommand such as `publish`.

    Read as Go's flag package does: one dash or two, the value after `=` or as the next argument.
    """
    names = {"c": "config", "a": "address"}
    options: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("-"):
            return None
        name, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if name in _VALUE_FLAGS:
            options[names.get(name, name)] = value if equals else next(rest, "")
    return options


def _daemon(entry: Path, name: str, read_options: Options) -> Iterator[Daemon]:
    """The daemon of one entry of /proc, if it is one. A process may vanish at any moment."""
    if not entry.name.isdigit():
        return
    with suppress(OSError):
        if (entry / "comm").read_text(encoding="utf-8", errors="replace") != f"{name}\n":
            return
        line = (entry / "cmdline").read_text(encoding="utf-8", errors="surrogateescape")
        program, *arguments = line.removesuffix("\0").split("\0")
        options = read_options(arguments)
        started = start_time(entry.parent, int(entry.name))
        if options is None or started is None or program.rpartition("/")[2] != name:
            return
        yield Daemon(
            pid=int(entry.name),
            start_time=started,
            options=options,
            nested=_is_nested(entry),
        )


def _is_nested(entry: Path) -> bool:
    """Whether it has a process namespace inside the one that this /proc shows: several ids."""
    for line in (entry / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("NSpid:"):
            return len(line.split()) > len(("NSpid:", "its id"))
    return False
