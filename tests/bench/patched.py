"""(e) From a Service's patch in a real API server to the new hosts.toml, durable everywhere.

The clock starts just before the request is sent, and stops as in (a). The patch before it, which
takes the Service's address away, changes no file and is not timed. The agent and the bare process
follow a Service each; both are idle before each change, and take turns.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Event

from tests.bench.api_server import AGENTS, BARE, BARE_ADDRESSES, ApiServer, agent_on
from tests.bench.bare import Bare
from tests.bench.change import count_renames
from tests.bench.figures import Row
from tests.demo.arrivals import Arrivals
from tests.demo.stage import ADDRESS, NEW_ADDRESS, Stage

_REST = Event()  # never set: waiting on it is a pause
_REST_SECONDS = 0.15
_WARM_UP = 3


def measure(stage: Stage, *, changes: int) -> tuple[Row, str]:
    """The row, and how many durable renames were counted. The agent must not be running."""
    with ApiServer(stage) as server, agent_on(stage, server):
        return _measure(stage, server, changes=changes)


def _measure(stage: Stage, server: ApiServer, *, changes: int) -> tuple[Row, str]:
    before, after = count_renames(stage, lambda: _change_of_agent(stage, server, NEW_ADDRESS))
    bare = Bare(
        stage,
        module="tests.bench.bare_watch",
        before=before,
        after=after,
        values=lambda _: {**server.flags, "path": f"/api/v1/namespaces/{BARE}/services"},
    )
    agent_took, bare_took = [], []
    for number in range(changes + _WARM_UP):
        agent_took.append(_change_of_agent(stage, server, (ADDRESS, NEW_ADDRESS)[number % 2]))
        _REST.wait(_REST_SECONDS)
        server.take_address(BARE)
        _REST.wait(_REST_SECONDS)
        address = BARE_ADDRESSES[1 - number % 2]
        bare_took.append(_changed(server, BARE, address, bare.host_directories))
        _REST.wait(_REST_SECONDS)
    bare.process.end()
    row = Row(
        what="(e) Service patched -> hosts.toml durable",
        unit="ms",
        agent=[seconds * 1000 for seconds in agent_took[_WARM_UP:]],
        least=[seconds * 1000 for seconds in bare_took[_WARM_UP:]],
    )
    return row, (
        f"{before} of the agent's own state and {len(stage.host_directories)} of hosts.toml until "
        f"the clock stops, {after} more after it"
    )


def _change_of_agent(stage: Stage, server: ApiServer, address: str) -> float:
    """Seconds; the agent is idle before and after."""
    passes = len(list(stage.agent.passes()))
    server.take_address(AGENTS)
    stage.agent.await_pass(number=passes + 1)
    _REST.wait(_REST_SECONDS)
    took = _changed(server, AGENTS, address, stage.host_directories)
    stage.agent.await_pass(number=passes + 2)
    return took


def _changed(server: ApiServer, namespace: str, address: str, directories: Sequence[Path]) -> float:
    """Give a Service its address; seconds until the last directory has its new hosts.toml."""
    with Arrivals(directories=directories, name="hosts.toml") as arrivals:
        began = server.give_address(namespace, address)
        return arrivals.await_all() - began
