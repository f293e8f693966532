"""The program: its commands, how the parts are put together, its threads, its exit status.

0 done, 1 failed (the reasons are on stderr), 2 bad usage, 10 `plan --exit-code` has work to do,
130 interrupted from the keyboard.
In `run` the main thread is the loop and the only writer; the watch on the manifests and the HTTP
server have a thread each. A bug in any of them ends the process.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from agent import __version__
from agent.cluster.directory_watch import DirectoryWatch
from agent.cluster.manifests import ManifestsSource
from agent.errors import NodeTrouble, Problem, Reason, Trouble
from agent.loop import Loop
from agent.node.clock import SystemClock
from agent.node.container_runtime import ContainerdRuntime
from agent.node.cri import CriClient
from agent.node.host_files import HostFiles
from agent.node.registry_probe import RegistryProbe
from agent.node.state_directory import StateDirectory
from agent.planning.checkup import Check, checkup, checkup_cut_short
from agent.planning.describe import Preview, diff_of
from agent.planning.desires import Rules
from agent.planning.outcome import Outcome
from agent.reconciler import Reconciler
from agent.reporting import texts
from agent.reporting.http_server import HttpServer
from agent.reporting.journal import Journal
from agent.reporting.logs import configure_logs
from agent.reporting.metrics import Metrics
from agent.reporting.terminal import (
    UnheardError,
    complain,
    escape_what_has_no_encoding,
    fall_silent,
    say,
)
from agent.settings import Settings, read_settings

DONE, FAILED, WORK_TO_DO = 0, 1, 10
INTERRUPTED = 128 + signal.SIGINT
LOCK_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The parts of one process, put together."""

    source: ManifestsSource
    state: StateDirectory
    reconciler: Reconciler
    loop: Loop
    stop: threading.Event


def compose(settings: Settings) -> Agent:
    """Put the parts together as the settings say; touches nothing yet."""
    stop = threading.Event()
    references = settings.trust_references
    source = ManifestsSource(
        directory=settings.manifests,
        namespaces=settings.namespaces,
        references=references.values(),
    )
    state = StateDirectory(
        host_root=settings.host_root,
        path=settings.state_dir,
        stop=stop,
        lock_timeout_seconds=LOCK_TIMEOUT_SECONDS,
    )
    reconciler = Reconciler(
        source=source,
        files=HostFiles(settings.host_root),
        state=state,
        runtime=ContainerdRuntime(
            settings.host_root, setting=settings.runtime, cri=CriClient(settings.host_root)
        ),
        probe=RegistryProbe(settings.host_root, stop),
        clock=SystemClock(),
        rules=Rules(
            domain=settings.cluster_domain,
            references={namespace: item.text for namespace, item in references.items()},
        ),
        withdraw_after=settings.withdraw_after,
        stop=stop,
    )
    loop = Loop(reconciler=reconciler)
    return Agent(source=source, state=state, reconciler=reconciler, loop=loop, stop=stop)


def sync(settings: Settings) -> int:
    """One pass."""
    outcome = compose(settings).reconciler.run_pass(apply_held=settings.apply_held)
    say(texts.outcome_lines(outcome))
    return FAILED if complain(outcome.problems) else DONE


def plan(settings: Settings) -> int:
    """What a pass would change."""
    examination = compose(settings).reconciler.examine(apply_held=settings.apply_held)
    steps, change_needed = examination.plan.steps, examination.runtime.change_needed
    preview = Preview(
        steps=steps,
        diff=diff_of(steps, found=examination.node.found),
        action="restart" if change_needed else "none",
        change_needed=change_needed,
        problems=examination.problems,
    )
    as_json = settings.output == "json"
    say([texts.plan_json(preview)] if as_json else texts.plan_lines(preview))
    if complain(preview.problems):
        return FAILED
    return WORK_TO_DO if settings.exit_code and steps else DONE


def doctor(settings: Settings) -> int:
    """The node, checked end to end."""
    checks = _checks(compose(settings))
    as_json = settings.output == "json"
    say([texts.checkup_json(checks)] if as_json else texts.checkup_lines(checks))
    return DONE if all(check.passed for check in checks) else FAILED


def _checks(agent: Agent) -> tuple[Check, ...]:
    state = agent.state.look()
    try:
        examination = agent.reconciler.examine()
    except NodeTrouble as trouble:
        return checkup_cut_short(trouble.problem, state=state)
    verified = agent.reconciler.verify(examination)
    return checkup(
        runtime=examination.runtime,
        state=state,
        desires=examination.desires,
        plan=examination.plan,
        registries=verified.registries,
        problems=(*examination.problems, *verified.problems),
    )


def remove(settings: Settings) -> int:
    """The node, put back. What others changed is left and said, and is no failure."""
    agent = compose(settings)
    agent.state.refuse_beside_run()
    removal = agent.reconciler.remove()
    agent.state.remove_all()
    say(texts.removal_lines(removal))
    complain(removal.left)
    return DONE


def run(settings: Settings) -> int:
    """The daemon, until SIGTERM or SIGINT (status 0), a bug, or a mount that came loose (1).

    A disk that refuses is no reason to end: it is told, by the endpoint too, and tried again.
    """
    agent = compose(settings)
    log = configure_logs(node=settings.node_name, version=__version__)
    metrics = Metrics(version=__version__, dropped_log_lines=lambda: log.dropped)
    journal = Journal()
    alive = ExitStack()
    daemon = _Daemon(agent=agent, metrics=metrics, journal=journal, alive=alive)
    threading.excepthook = daemon.crash
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, daemon.end)
    with alive:
        journal.started({"manifests": str(settings.manifests), "listen": str(settings.listen)})
        daemon.start_threads(settings)
        daemon.mark_alive()
        agent.loop.run(
            wake=daemon.wake,
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
    wake: threading.Event = field(default_factory=threading.Event)
    status: int = DONE
    _marked: bool = False
    _unmarked: Problem | None = None

    def start_threads(self, settings: Settings) -> None:
        """The watch and the HTTP server; daemonic, for the loop alone decides when to end."""
        loop, stop = self.agent.loop, self.agent.stop
        watch = DirectoryWatch(
            directories=self.agent.source.directories,
            wake=self.wake,
            stop=stop,
            say=self.journal.say,
        )
        server = HttpServer(
            address=settings.listen,
            metrics=self.metrics,
            live=loop.live,
            ready=loop.ready,
            stop=stop,
            say=self.journal.problem,
        )
        for name, target in {"watch-manifests": watch.run, "http": server.run}.items():
            threading.Thread(name=name, target=target, daemon=True).start()

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
        self.mark_alive()
        if any(problem.reason is Reason.UNLINKED for problem in outcome.problems):
            self.fail()

    def crash(self, thread: threading.ExceptHookArgs) -> None:
        """A bug in a thread ends the process."""
        if thread.exc_value is not None:
            self.journal.crashed(thread.exc_value)
        self.fail()

    def fail(self) -> None:
        """End with status 1."""
        self.status = FAILED
        self.end()

    def end(self, *_: object) -> None:
        """Let the loop end after the pass it is in."""
        self.agent.stop.set()
        self.wake.set()


COMMANDS: dict[str, Callable[[Settings], int]] = {
    "doctor": doctor,
    "plan": plan,
    "remove": remove,
    "run": run,
    "sync": sync,
}


def main() -> int:
    """Run the command of this process's own arguments. Returns its exit status.

    Raises what is a bug, and SystemExit for bad usage and `--help`.
    """
    escape_what_has_no_encoding()
    try:
        settings = _read_settings()
        return COMMANDS[settings.command](settings)
    except Trouble as trouble:
        complain([trouble.problem])
        return FAILED
    except UnheardError as unheard:
        fall_silent(unheard)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _read_settings() -> Settings:
    """From the command line and the environment; `--help` is said here, and must be heard too."""
    try:
        return read_settings(sys.argv[1:], os.environ)
    finally:
        say(())


if __name__ == "__main__":
    sys.exit(main())
