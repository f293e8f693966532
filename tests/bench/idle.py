"""(c) Memory and CPU of an idle `run`, against a bare interpreter idle for the same time."""

from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tests.bench.figures import Row
from tests.bench.imports import BareInterpreter
from tests.demo.stage import Stage

_REST = Event()  # never set: waiting on it is a pause
_TICKS = 100  # USER_HZ, which is what /proc counts children in, on every architecture we know


@dataclass(frozen=True, kw_only=True)
class _Use:
    """What a process has used so far, its ended children included, and holds now."""

    cpu_seconds: float
    rss_mib: float
    pss_mib: float


def measure(stage: Stage, *, seconds: float) -> tuple[Row, ...]:
    """The rows. The agent must be running, with nothing left to do."""
    with BareInterpreter(stage).start() as bare:
        pids = (stage.agent.pid, bare.program_pid)
        before = [_use(pid) for pid in pids]
        _REST.wait(seconds)
        after = [_use(pid) for pid in pids]
        bare.end()
    cpu = [
        (late.cpu_seconds - early.cpu_seconds) * 1000 * 60 / seconds
        for early, late in zip(before, after, strict=True)
    ]
    agent, least = after
    return (
        Row(what="(c) RSS, idle", unit="MiB", agent=[agent.rss_mib], least=[least.rss_mib]),
        Row(what="(c) PSS, idle", unit="MiB", agent=[agent.pss_mib], least=[least.pss_mib]),
        Row(
            what="(c) CPU time per idle minute",
            unit="ms",
            agent=cpu[:1],
            least=cpu[1:],
            comparable=False,
        ),
    )


def _use(pid: int) -> _Use:
    process = Path(f"/proc/{pid}")
    running = [
        int((thread / "schedstat").read_text().split()[0])
        for thread in (process / "task").iterdir()
    ]
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    children = int(fields[13]) + int(fields[14])
    sizes = {
        line.partition(":")[0]: int(line.split()[1])
        for line in (process / "smaps_rollup").read_text().splitlines()[1:]
    }
    return _Use(
        cpu_seconds=sum(running) / 1e9 + children / _TICKS,
        rss_mib=sizes["Rss"] / 1024,
        pss_mib=sizes["Pss"] / 1024,
    )
