"""(a) From the change of a manifest to the new hosts.toml, durable in every host directory.

The clock starts just before the manifest is renamed into place, and ends when a third process,
told by the kernel of each rename, has seen the last directory's new hosts.toml. A file is renamed
only after its bytes were made durable, by the agent and by the bare process alike. Both are idle
before each change, and take turns, so that neighbours disturb them alike.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from time import monotonic

from inotify_simple import INotify, flags  # type: ignore[import-untyped]

from tests.bench.figures import Row
from tests.demo.agent import CLONE
from tests.demo.arrivals import Arrivals
from tests.demo.stage import ADDRESS, HOST, NEW_ADDRESS, SERVICE, Stage
from tests.ground.namespaces import NodeProcess, wait_until

_REST = Event()  # never set: waiting on it is a pause
_REST_SECONDS = 0.15
_WARM_UP = 3


def measure(stage: Stage, *, changes: int) -> tuple[Row, str]:
    """The row, and how many durable renames were counted. The agent must be running, in sync."""
    certificate = stage.authority.issue(dns=[HOST], ips=[NEW_ADDRESS])
    stage.registry.open_front("second", address=NEW_ADDRESS, certificate=certificate)
    before, after = _count_renames(stage)
    bare = _Bare(stage, before=before, after=after)
    addresses = [NEW_ADDRESS, ADDRESS] * changes
    agent_took, bare_took = [], []
    passes = len(list(stage.agent.passes()))
    for number in range(changes + _WARM_UP):
        address = addresses[number + 1]
        agent_took.append(_changed(stage.manifests.directory, address, stage.host_directories))
        stage.agent.await_pass(number=passes + number + 1)
        _REST.wait(_REST_SECONDS)
        bare_took.append(_changed(bare.manifests, address, bare.host_directories))
        _REST.wait(_REST_SECONDS)
    bare.process.end()
    row = Row(
        what="(a) Service changed -> hosts.toml durable",
        unit="ms",
        agent=[seconds * 1000 for seconds in agent_took[_WARM_UP:]],
        least=[seconds * 1000 for seconds in bare_took[_WARM_UP:]],
    )
    renames = (
        f"{before} of the agent's own state and {len(stage.host_directories)} of hosts.toml until "
        f"the clock stops, {after} more after it"
    )
    return row, renames


def _changed(manifests: Path, address: str, directories: Sequence[Path]) -> float:
    """Change one Service; seconds until the last directory has its new hosts.toml."""
    beside = manifests / ".new~"
    beside.write_text(SERVICE.read_text().replace(ADDRESS, address))
    with Arrivals(directories=directories, name="hosts.toml") as arrivals:
        began = monotonic()
        beside.rename(manifests / SERVICE.name)
        return arrivals.await_all() - began


def _count_renames(stage: Stage) -> tuple[int, int]:
    """Durable renames of one change beside those of hosts.toml: before the last of them, after."""
    state = stage.node.root / "var/lib/registry-node-agent"
    number = len(list(stage.agent.passes())) + 1
    with INotify() as inotify:
        for directory in (state, *stage.host_directories):
            inotify.add_watch(directory, flags.MOVED_TO)
        _changed(stage.manifests.directory, NEW_ADDRESS, stage.host_directories)
        stage.agent.await_pass(number=number)
        names = [event.name for event in inotify.read(timeout=0)]
    last = max(place for place, name in enumerate(names) if name == "hosts.toml")
    others = [place for place, name in enumerate(names) if name != "hosts.toml"]
    before = sum(place < last for place in others)
    return before, len(others) - before


class _Bare:
    """The bare process, on directories of its own in the same file system."""

    def __init__(self, stage: Stage, *, before: int, after: int) -> None:
        place = stage.node.root / "var/lib/bare"
        self.manifests = place / "manifests"
        self.host_directories = tuple(place / path.name for path in stage.host_directories)
        for directory in (self.manifests, place / "state", *self.host_directories):
            directory.mkdir(parents=True)
        for theirs, ours in zip(stage.host_directories, self.host_directories, strict=True):
            shutil.copytree(theirs, ours, dirs_exist_ok=True)
        ledger = place / "state/ledger.json"
        shutil.copy(stage.node.root / "var/lib/registry-node-agent/ledger.json", ledger)
        ready = place / "ready"
        values = {
            "before": before,
            "after": after,
            "manifests": self.manifests,
            "file": SERVICE.name,
            "ledger": ledger,
            "ready": ready,
        }
        given = [f"--{name}={value}" for name, value in values.items()]
        python = stage.agent.python
        command = [*python.command, "-m", "tests.bench.bare_change", *given]
        self.process: NodeProcess = stage.node.popen(
            [*command, *map(str, self.host_directories)], env=python.environment, cwd=CLONE
        )
        wait_until(ready.exists, what="the bare process watches")
