"""(a) From the change of a manifest to the new hosts.toml, durable in every host directory.

The clock starts just before the manifest is renamed into place, and ends when a third process,
told by the kernel of each rename, has seen the last directory's new hosts.toml. A file is renamed
only after its bytes were made durable, by the agent and by the bare process alike. Both are idle
before each change, and take turns, so that neighbours disturb them alike.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from time import monotonic

from inotify_simple import INotify, flags  # type: ignore[import-untyped]

from tests.bench.bare import Bare
from tests.bench.figures import Row
from tests.demo.arrivals import Arrivals
from tests.demo.stage import ADDRESS, HOST, NEW_ADDRESS, SERVICE, Stage

_REST = Event()  # never set: waiting on it is a pause
_REST_SECONDS = 0.15
_WARM_UP = 3


def measure(stage: Stage, *, changes: int) -> tuple[Row, str]:
    """The row, and how many durable renames were counted. The agent must be running, in sync."""
    certificate = stage.authority.issue(dns=[HOST], ips=[NEW_ADDRESS])
    stage.registry.open_front("second", address=NEW_ADDRESS, certificate=certificate)

    def change() -> None:
        number = len(list(stage.agent.passes())) + 1
        _changed(stage.manifests.directory, NEW_ADDRESS, stage.host_directories)
        stage.agent.await_pass(number=number)

    before, after = count_renames(stage, change)
    bare = Bare(
        stage,
        module="tests.bench.bare_files",
        before=before,
        after=after,
        values=lambda place: {"manifests": place, "file": SERVICE.name},
    )
    addresses = [NEW_ADDRESS, ADDRESS] * changes
    agent_took, bare_took = [], []
    passes = len(list(stage.agent.passes()))
    for number in range(changes + _WARM_UP):
        address = addresses[number + 1]
        agent_took.append(_changed(stage.manifests.directory, address, stage.host_directories))
        stage.agent.await_pass(number=passes + number + 1)
        _REST.wait(_REST_SECONDS)
        bare_took.append(_changed(bare.place, address, bare.host_directories))
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


def count_renames(stage: Stage, change: Callable[[], object]) -> tuple[int, int]:
    """Durable renames of one change beside those of hosts.toml: before the last of them, after.

    `change` returns after the change was logged as a pass.
    """
    state = stage.node.root / "var/lib/registry-node-agent"
    with INotify() as inotify:
        for directory in (state, *stage.host_directories):
            inotify.add_watch(directory, flags.MOVED_TO)
        change()
        names = [event.name for event in inotify.read(timeout=0)]
    last = max(place for place, name in enumerate(names) if name == "hosts.toml")
    others = [place for place, name in enumerate(names) if name != "hosts.toml"]
    before = sum(place < last for place in others)
    return before, len(others) - before
