"""Memory of `run` under steady change: `make soak`, twenty minutes of ten changes a second.

Every second change takes the Service's address away, the ones between give it another: the agent
writes, probes and proves all the time. Its resident memory must not grow, and must stay below what
a node can be asked for. Not a test: it takes as long as it says.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic

from tests.bench.api_server import AGENTS, ApiServer, agent_on
from tests.bench.machine import describe
from tests.bench.session import as_in_the_image
from tests.demo.agent import Agent
from tests.demo.guard import guarded
from tests.demo.stage import ADDRESS, HOST, NEW_ADDRESS, Stage, set_up
from tests.demo.telling import say
from tests.ground.certificates import Authority
from tests.ground.debian import ProgramMissingError
from tests.ground.namespaces import NodeTroubleError, wait_until

MOST_MIB = 56.0
GROWTH_MIB = 1.0
"""From the second fifth of the time to the last; a page here and there is no growth."""
LOOKS = 200

_REST = Event()  # never set: waiting on it is a pause


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the process holds at one moment."""

    seconds: float
    rss_mib: float
    threads: int
    descriptors: int

    def __str__(self) -> str:
        return (
            f"{self.seconds / 60:6.1f} min   RSS {self.rss_mib:5.1f} MiB   "
            f"threads {self.threads}   descriptors {self.descriptors}"
        )


def main() -> int:
    """Soak, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--changes-per-second", type=float, default=10.0)
    arguments = parser.parse_args()
    try:
        with set_up() as stage:
            return _soak(stage, arguments.minutes * 60, 1 / arguments.changes_per_second)
    except (NodeTroubleError, ProgramMissingError) as trouble:
        sys.stderr.write(f"\nsoak: {trouble}\n")
        return 1


def _soak(stage: Stage, seconds: float, interval_seconds: float) -> int:
    for line in describe(stage.node):
        say(line)
    stage.agent = as_in_the_image(stage)
    certificate = stage.authority.issue(dns=[HOST], ips=[NEW_ADDRESS])
    stage.registry.open_front("second", address=NEW_ADDRESS, certificate=certificate)
    with ApiServer(stage) as server, agent_on(stage, server) as agent:
        _meet_a_stranger(stage, server, agent)
        looks, changes = _change(server, agent, seconds, interval_seconds)
        server.give_address(AGENTS, NEW_ADDRESS)
        hosts_files = [directory / "hosts.toml" for directory in stage.host_directories]
        wait_until(
            lambda: all(NEW_ADDRESS in file.read_text() for file in hosts_files),
            what="the last change is followed",
        )
        say(f"{changes} changes, {sum(1 for _ in agent.passes())} passes that changed or found")
    return _judge(looks)


def _meet_a_stranger(stage: Stage, server: ApiServer, agent: Agent) -> None:
    """What a process loads once, it shall have loaded: a refusal lets it read the node's roots.

    Those are 1.8 MiB on a usual node, and the first hiccup of a registry would seem a growth.
    """
    good = stage.authority.issue(dns=[HOST], ips=[ADDRESS])
    stranger = Authority.create(name="stranger").issue(dns=[HOST], ips=[ADDRESS])
    for certificate, sign in ((stranger, "unknown-authority"), (good, "in_sync 1.0")):
        stage.registry.switch_certificate("first", certificate)
        server.take_address(AGENTS)
        server.give_address(AGENTS, ADDRESS)
        wait_until(partial(_is_told, agent, sign), what=f"the metrics say {sign}")


def _is_told(agent: Agent, sign: str) -> bool:
    return sign in agent.metrics()


def _change(
    server: ApiServer, agent: Agent, seconds: float, interval_seconds: float
) -> tuple[Sequence[Look], int]:
    """Change the Service all the time; what was seen of the agent, and how many changes."""
    began = monotonic()
    looks: list[Look] = []
    changes = 0
    while (elapsed := monotonic() - began) < seconds:
        if elapsed >= len(looks) * seconds / LOOKS:
            looks.append(_look(agent.pid, seconds=elapsed))
            if len(looks) % 10 == 1:
                say(str(looks[-1]))
        if changes % 2:
            server.give_address(AGENTS, (ADDRESS, NEW_ADDRESS)[changes // 2 % 2])
        else:
            server.take_address(AGENTS)
        changes += 1
        _REST.wait(max(0.0, began + changes * interval_seconds - monotonic()))
    return [*looks, _look(agent.pid, seconds=seconds)], changes


def _look(pid: int, *, seconds: float) -> Look:
    process = Path(f"/proc/{pid}")
    lines = (process / "status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return Look(
        seconds=seconds,
        rss_mib=int(status["VmRSS"].split()[0]) / 1024,
        threads=int(status["Threads"]),
        descriptors=len(list((process / "fd").iterdir())),
    )


def _judge(looks: Sequence[Look]) -> int:
    fifth = max(1, len(looks) // 5)
    early = statistics.median(look.rss_mib for look in looks[fifth : 2 * fifth])
    late = statistics.median(look.rss_mib for look in looks[-fifth:])
    most = max(look.rss_mib for look in looks)
    say(f"RSS at most {most:.1f} MiB; grown by {late - early:+.2f} MiB; {looks[-1]}")
    if most > MOST_MIB:
        sys.stderr.write(f"soak: more than {MOST_MIB:g} MiB\n")
    if late - early > GROWTH_MIB:
        sys.stderr.write(f"soak: it grows by more than {GROWTH_MIB:g} MiB\n")
    return int(most > MOST_MIB or late - early > GROWTH_MIB)


if __name__ == "__main__":
    sys.exit(guarded("soak", main))
