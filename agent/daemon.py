"""`run`: the daemon, its threads, and what ends it.

The main thread is the loop and the only writer. Whatever watches - directories, the API server -
and the HTTP server have threads of their own. A bug in any of them ends the process.
"""

import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace

from agent import __version__
from agent.composition import Agent, compose
from agent.ending import when_asked_to_end
from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.node_state import node_state
from agent.planning.outcome import Outcome
from agent.reporting.http_server import HttpServer
from agent.reporting.journal import Journal
from agent.reporting.logs import configure_logs
from agent.reporting.metrics import Metrics
from agent.settings import Settings
from agent.view import Publisher


def run(settings: Settings) -> int:
    """The daemon, until SIGTERM or SIGINT (status 0), a bug, or a mount that came loose (1).

    A disk that refuses is no reason to end: it is told, by the endpoint too, and tried again.
    """
    agent = compose(settings, follow=True)
    log = configure_logs(node=settings.node_name, version=__version__)
    metrics = Metrics(
        version=__version__, dropped_log_lines=lambda: log.dropped, contact=agent.view.contact
    )
    journal = Journal()
    alive = ExitStack()
    daemon = _Daemon(agent=agent, metrics=metrics, journal=journal, alive=alive)
    threading.excepthook = daemon.crash
    when_asked_to_end(daemon.end)
    with alive:
        journal.started({"view": agent.view.place, "listen": str(settings.listen)})
        daemon.start_threads(settings)
        daemon.mark_alive()
        agent.loop.run(
            wake=agent.wake,
            probe_interval_seconds=settings.probe_interval_seconds,
            report=daemon.report,
        )
    journal.stopped()
    return daemon.status


@dataclass(slots=True, kw_only=True)
class _Daemon:
    """The threads of `run`, its mark as a live one, and what ends it."""

    agent: Agent
    metrics: Metrics
    journal: Journal
    alive: ExitStack
    server: HttpServer | None = None
    publisher: Publisher | None = None
    status: int = 0
    _marked: bool = False
    _unmarked: Problem | None = None

    def start_threads(self, settings: Settings) -> None:
        """Whatever watches, and the HTTP server; daemonic: the loop alone decides when to end."""
        agent = self.agent
        self.server = HttpServer(
            address=settings.listen,
            metrics=self.metrics,
            live=agent.loop.live,
            ready=agent.loop.ready,
            stop=agent.stop,
            say=self.journal.problem,
            changed=agent.wake.set,
        )
        threading.Thread(name="http", target=self.server.run, daemon=True).start()
        if agent.view.directories:
            self._watch_directories()
        if agent.view.contact is not None:
            agent.view.contact.start()
        if agent.view.publisher is not None:
            self.publisher = agent.view.publisher(self.journal.problem)
            threading.Thread(name="node-status", target=self.publisher.run, daemon=True).start()

    def _watch_directories(self) -> None:
        from agent.cluster.directory_watch import (  # noqa: PLC0415 - where there is one to watch
            DirectoryWatch,
        )

        watch = DirectoryWatch(
            directories=self.agent.view.directories,
            wake=self.agent.wake,
            stop=self.agent.stop,
            say=self.journal.say,
        )
        threading.Thread(name="watch-directories", target=watch.run, daemon=True).start()

    def mark_alive(self) -> None:
        """Hold the mark that keeps `remove` away; tell what stands in its way when that changes."""
        if self._marked:
            return
        try:
            self.alive.enter_context(self.agent.state.hold_alive())
        except NodeTrouble as trouble:
            if trouble.problem != self._unmarked:
                self.journal.problem(trouble.problem)
            self._unmarked = trouble.problem
        else:
            self._marked = True

    def report(self, outcome: Outcome) -> None:
        """After each pass. A mount that came loose is mended by a restart of the container only."""
        self.metrics.record_pass(outcome)
        self.journal.pass_ended(outcome)
        if self.publisher is not None and not self.agent.stop.is_set():  # else it was cut short
            found = self._with_own_problems(outcome)
            self.publisher.publish(node_state(found, version=__version__), found.problems)
        self.mark_alive()
        if any(problem.reason is Reason.UNLINKED for problem in outcome.problems):
            self.fail()

    def _with_own_problems(self, outcome: Outcome) -> Outcome:
        """What the API server is told: what the pass found, and what keeps our port from us.

        A node whose port is taken pulls well: `in_sync` is about pulls, and is not changed by it.
        But the kubelet, which does not reach us there, ends this container again and again, and
        only the Lease and an Event can say why: the metrics are behind the same port.
        """
        own = self.server.problems if self.server else ()
        return replace(outcome, problems=(*outcome.problems, *own))

    def crash(self, thread: threading.ExceptHookArgs) -> None:
        """A bug in a thread ends the process."""
        if thread.exc_value is not None:
            self.journal.crashed(thread.exc_value)
        self.fail()

    def fail(self) -> None:
        """End with status 1."""
        self.status = 1
        self.end()

    def end(self) -> None:
        """Let the loop end after the pass it is in. May be called by any thread."""
        self.agent.stop.set()
        self.agent.wake.set()
