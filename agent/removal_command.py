"""`remove`: the node, put back; with `--stay` for as long as the pod is there.

A DaemonSet starts a container that has ended anew, so one that puts a fleet back has to stay: it
tries until the node is put back, says so in the node's Lease, and looks again every ten minutes
until SIGTERM: what came back meanwhile goes too, and beside a `run` it no longer says `removed`. It
needs neither the API server nor a free port to do so, and done twice it does no more.
"""

import threading
from dataclasses import dataclass, field

from agent import __version__
from agent.composition import Agent, compose
from agent.ending import when_asked_to_end
from agent.errors import NodeTrouble, Problem
from agent.planning.node_state import removed_state, troubled_state
from agent.planning.removal import Removal
from agent.reporting import texts
from agent.reporting.http_server import HttpServer
from agent.reporting.journal import Journal
from agent.reporting.logs import configure_logs
from agent.reporting.metrics import Metrics
from agent.reporting.terminal import complain, say
from agent.settings import Settings
from agent.view import Publisher

RETRY_SECONDS = 15.0
AGAIN_SECONDS = 600.0
"""As often as the Lease says that it is still so."""


def remove(settings: Settings) -> int:
    """The node, put back. What others changed is left and said, and is no failure."""
    if settings.stay:
        return _stay(settings)
    removal = _put_back(compose(settings))
    say(texts.removal_lines(removal))
    complain(removal.left)
    return 0


def _put_back(agent: Agent) -> Removal:
    """Raises NodeTrouble, also beside a live `run`."""
    with agent.state.without_run():
        return agent.reconciler.remove()


def _stay(settings: Settings) -> int:
    """Until SIGTERM or SIGINT (status 0), or a bug in a thread (1)."""
    from agent import api_server  # noqa: PLC0415 - a mere removal does not load it

    log = configure_logs(node=settings.node_name, version=__version__)
    journal = Journal()
    agent = compose(settings)
    when_asked_to_end(agent.stop.set)
    publisher = api_server.publisher(settings, stop=agent.stop, say=journal.problem)
    staying = _Staying(agent=agent, journal=journal, publisher=publisher)
    threading.excepthook = staying.crash
    server = HttpServer(
        address=settings.listen,
        metrics=Metrics(
            version=__version__, dropped_log_lines=lambda: log.dropped, keeps_in_sync=False
        ),
        live=staying.live,
        ready=staying.ready,
        stop=agent.stop,
        say=journal.problem,
    )
    for name, target in {"node-status": publisher.run, "http": server.run}.items():
        threading.Thread(name=name, target=target, daemon=True).start()
    return staying.until_ended()


@dataclass(slots=True, kw_only=True)
class _Staying:
    """Puts the node back, and waits."""

    agent: Agent
    journal: Journal
    publisher: Publisher
    _done: bool = False
    _trouble: Problem | None = None
    _bugs: list[BaseException | None] = field(default_factory=list)

    def until_ended(self) -> int:
        """Try, and look again. Returns the exit status."""
        while not self.agent.stop.wait(self._try()):
            pass
        self.journal.stopped()
        return 1 if self._bugs else 0

    def live(self) -> tuple[bool, str]:
        """There is nothing here that could get stuck."""
        return True, "here"

    def ready(self) -> tuple[bool, str]:
        """Whether the node is put back."""
        return self._done, "put back" if self._done else "not put back yet"

    def crash(self, thread: threading.ExceptHookArgs) -> None:
        """A bug in a thread ends the process."""
        self._bugs.append(thread.exc_value)
        if thread.exc_value is not None:
            self.journal.crashed(thread.exc_value)
        self.agent.stop.set()

    def _try(self) -> float:
        """Put it back; in how many seconds to come again."""
        try:
            removal = _put_back(self.agent)
        except NodeTrouble as trouble:
            self._complain(trouble.problem)
            return RETRY_SECONDS
        if removal.steps or not self._done:
            self.journal.put_back(removal)
        self._done, self._trouble = True, None
        self.publisher.publish(removed_state(removal, version=__version__), removal.left)
        return AGAIN_SECONDS

    def _complain(self, problem: Problem) -> None:
        self._done = False
        if problem != self._trouble:
            self.journal.problem(problem)
        self._trouble = problem
        self.publisher.publish(troubled_state(problem, version=__version__), (problem,))
