"""One run of the bench, from the machine's description to the table."""

import sys
from dataclasses import dataclass
from time import monotonic

from tests.bench import change, idle, machine, patched, pulls, runtime_site, start
from tests.bench.figures import Row, table
from tests.demo.agent import Agent, Python
from tests.demo.stage import ADDRESS, Stage, set_up
from tests.demo.telling import say
from tests.ground.debian import ProgramMissingError
from tests.ground.namespaces import NodeTroubleError

_NOTES = """\
`least`, row by row: (a) a bare process that watches the same file, finds the address in it by a
regular expression, probes once (TCP, TLS, GET /v2/) and does the same durable renames; (b) the
same image by the endpoint's own address, its host directory written by hand; (c), (d) a bare
interpreter that imports the same libraries; (e) a bare watch of the Service, and then as in (a).
Both sides see the image's libraries only, and take turns or run at the same time. Nothing is
asserted."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How often and how long."""

    changes: int
    pulls: int
    idle_seconds: float
    starts: int


def measure(effort: Effort) -> None:
    """Measure everything and print the table."""
    began = monotonic()
    with set_up() as stage:
        for line in machine.describe(stage.node):
            say(line)
        stage.agent = as_in_the_image(stage)
        stage.publish_service(address=ADDRESS)
        stage.publish_bundle(stage.authority.pem)
        stage.agent.start()
        if not stage.agent.await_pass(number=1)["in_sync"]:
            raise NodeTroubleError(f"the agent is not in sync: {stage.agent.last_words()}")
        rows = _rows(stage, effort)
    say()
    for line in table(rows):
        say(line)
    say()
    say(_NOTES)
    say(f"Took {monotonic() - began:.0f} s.")


def as_in_the_image(stage: Stage) -> Agent:
    """The agent with an interpreter that has the run-time requirements only."""
    site = stage.node.root / "run/site"
    site.mkdir()
    runtime_site.make(site)
    python = Python(command=(sys.executable, "-S"), environment={"PYTHONPATH": str(site)})
    return Agent(node=stage.node, view=f"--manifests={stage.manifests.directory}", python=python)


def _rows(stage: Stage, effort: Effort) -> list[Row]:
    """In an order that suits the agent's state: idle after its first pass, stopped at the end."""
    say()
    say(f"(c) idle for {effort.idle_seconds:g} s ...")
    idle_rows = idle.measure(stage, seconds=effort.idle_seconds)
    say(f"(a) {effort.changes} changes of the Service ...")
    change_row, renames = change.measure(stage, changes=effort.changes)
    say(f"    durable renames, on both sides: {renames}")
    _back_to(stage, ADDRESS)
    say(f"(b) {effort.pulls} pulls by each name ...")
    pull_row = pulls.measure(stage, pulls=effort.pulls)
    stage.agent.stop()
    say(f"(d) {effort.starts} starts of each kind ...")
    start_rows = start.measure(stage, starts=effort.starts)
    rows = [change_row, pull_row, *idle_rows, *start_rows]
    say(f"(e) {effort.changes} patches of the Service in a real API server ...")
    try:
        patched_row, renames = patched.measure(stage, changes=effort.changes)
    except ProgramMissingError as trouble:
        say(f"    not measured: {trouble}")
        return rows
    say(f"    durable renames, on both sides: {renames}")
    return [*rows, patched_row]


def _back_to(stage: Stage, address: str) -> None:
    """Let the agent point to an address again, if it does not."""
    if f'"https://{address}"' in (stage.host_directories[0] / "hosts.toml").read_text():
        return
    number = len(list(stage.agent.passes())) + 1
    stage.publish_service(address=address)
    stage.agent.await_pass(number=number)
