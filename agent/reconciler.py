"""One pass - observe, plan, apply, verify - and the loop that repeats it. The only writer.

Level-triggered: a pass reads everything anew, so that it does not matter which event woke it or
how many were missed. Whatever the world refuses becomes a problem in the outcome and is tried
again; an exception that is not Trouble is a bug and ends the process.
"""

import random
import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeAlias

from agent.applier import Applier
from agent.errors import ClusterTrouble, NodeTrouble, Problem
from agent.planning.answers import Answers, Unanswered
from agent.planning.containerd_config import default_roots
from agent.planning.describe import describe_step, files_written
from agent.planning.desires import Desires, Rules, desires_of
from agent.planning.health import liveness, readiness
from agent.planning.known_good import KnownGood, remember
from agent.planning.ledger import Ledger
from agent.planning.model import ClusterView, Folder, RuntimeView
from agent.planning.node_view import NodeView, folders_to_read, needs_restart, roots_in_use
from agent.planning.outcome import Outcome, RegistryStatus
from agent.planning.plan import Plan, as_it_stands, make_plan
from agent.planning.removal import Removal, plan_removal, roots_to_search
from agent.planning.sheet import Occasion
from agent.planning.steps import Step
from agent.ports import Clock, HostFiles, Probe, Runtime, Source, State
from agent.probing import probe_all
from agent.verifier import Verified, Verifier

NodeState: TypeAlias = tuple[tuple[Folder, ...], Hashable, Hashable, tuple[Hashable, ...]]

RETRY_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""How often the node is looked at between passes: files of ours, runtime, ledger. Only `stat`."""
JITTER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was observed and what is to be done about it; nothing was changed for it.

    `problems` are all that stands in the way before anything is tried.
    """

    runtime: RuntimeView
    desires: Desires
    node: NodeView
    plan: Plan
    answers: Answers
    problems: tuple[Problem, ...]


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """Brings the node to what is asked for, one pass at a time."""

    source: Source
    files: HostFiles
    state: State
    runtime: Runtime
    probe: Probe
    clock: Clock
    rules: Rules
    withdraw_after: timedelta
    stop: threading.Event
    applier: Applier = field(init=False)
    verifier: Verifier = field(init=False)
    _made: tuple[Folder, ...] = ()
    _found: NodeState | None = None
    _last_beat: float = field(init=False)
    _passes: int = 0

    def __post_init__(self) -> None:
        self.applier = Applier(files=self.files, state=self.state, stop=self.stop)
        self.verifier = Verifier(probe=self.probe, runtime=self.runtime, clock=self.clock)
        self._last_beat = self.clock.monotonic()

    def examine(self, *, apply_held: bool = False) -> Examination:
        """Observe and plan; changes nothing. Raises NodeTrouble when the node cannot be read."""
        runtime = self.runtime.observe()
        known_good = self.state.load_known_good()
        desires = desires_of(
            view=self._view(), known_good=known_good, rules=self.rules, now=self.clock.now()
        )
        hosts = [host for desire in desires.wanted for host in desire.hosts]
        ledger = self._load_ledger()
        in_the_way = (*self.state.problems, *runtime.problems, *needs_restart(runtime, ledger))
        roots = roots_in_use(runtime, ledger)
        node = self._look(ledger, roots=roots, hosts=hosts, settled=runtime.settled)
        occasion = Occasion(
            now=self.clock.now(),
            withdraw_after=self.withdraw_after,
            apply_held=apply_held,
            failures=self.verifier.failures,
        )
        plan, answers = self._plan(desires, node, occasion, runtime)
        return Examination(
            runtime=runtime,
            desires=desires,
            node=node,
            plan=plan,
            answers=answers,
            problems=(*in_the_way, *plan.problems),
        )

    def run_pass(self, *, apply_held: bool = False) -> Outcome:
        """Observe, plan, apply, verify, once. What the node refuses is in the outcome."""
        began = self.clock.monotonic()
        self._found = None
        try:
            with self.state.exclusive():
                outcome = self._converge(apply_held=apply_held)
        except NodeTrouble as trouble:
            outcome = self._outcome(problems=(trouble.problem,))
        return replace(outcome, seconds=self.clock.monotonic() - began)

    def live(self) -> tuple[bool, str]:
        """Whether the loop turns. May be called by any thread."""
        return liveness(now=self.clock.monotonic(), last_beat=self._last_beat)

    def ready(self) -> tuple[bool, str]:
        """Whether the first pass has ended. May be called by any thread."""
        return readiness(first_pass_ended=self._passes > 0)

    def loop(
        self,
        *,
        wake: threading.Event,
        probe_interval_seconds: float,
        report: Callable[[Outcome], None],
    ) -> None:
        """Passes until `stop`: at once when woken, else at the interval, sooner while not in sync.

        Whoever sets `stop` must set `wake` too.
        """
        while not self.stop.is_set():
            wake.clear()
            self._last_beat = self.clock.monotonic()
            outcome = self.run_pass()
            self._passes += 1
            report(outcome)
            interval = probe_interval_seconds if outcome.in_sync else RETRY_SECONDS
            spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret, a herd
            self._wait(wake, min(interval, probe_interval_seconds) * spread)

    def _wait(self, wake: threading.Event, seconds: float) -> None:
        """Until woken, until the time is up, or until the node is not as the pass found it.

        What the pass itself wrote counts too: one more pass, a second later, then sees it whole.
        """
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0:
            self._last_beat = self.clock.monotonic()
            if wake.wait(min(left, LOOK_SECONDS)):
                return
            if self._found is not None and self._node_state(self._found[0]) != self._found:
                return

    def _node_state(self, folders: tuple[Folder, ...]) -> NodeState:
        """What can be seen cheaply of all that a pass looks at."""
        return (
            folders,
            self.runtime.signature(),
            self.state.signature(),
            tuple(self.files.signature(folder) for folder in folders),
        )

    def remove(self) -> Removal:
        """Put the node back: undo all that is still ours. Raises NodeTrouble.

        The ledger is enough; the runtime's roots and the usual ones are searched too, for files
        of ours that a lost ledger no longer knows.
        """
        with self.state.exclusive():
            roots = self._roots_to_search()
            node = self._look(self._load_ledger(), roots=roots)
            removal = plan_removal(node)
            applied = self.applier.apply(
                removal.steps, ledger=removal.ledger, known=node.ledger, roots=roots
            )
        for problem in (*applied.refused, *removal.unread):
            raise NodeTrouble(problem)
        return removal

    def _roots_to_search(self) -> tuple[Folder, ...]:
        usual = {root: self.files.read(root) for root in default_roots()}
        try:
            return roots_to_search(self.runtime.observe().roots, usual=usual)
        except NodeTrouble:
            return roots_to_search((), usual=usual)

    def verify(self, examination: Examination) -> Verified:
        """Try the routes of the plan: probes, and the runtime's own proof."""
        return self.verifier.verify(
            plan=examination.plan,
            desires=examination.desires,
            runtime=examination.runtime,
            answers=examination.answers,
        )

    def _converge(self, *, apply_held: bool) -> Outcome:
        examination = self.examine(apply_held=apply_held)
        if self.stop.is_set():  # probes may have been cut short, and must not decide anything
            return self._outcome(problems=examination.problems)
        plan, node = examination.plan, examination.node
        unsaved = self._save_known_good(examination.desires.known_good)
        applied = self.applier.apply(
            plan.steps, ledger=plan.ledger, known=node.ledger, roots=node.roots
        )
        self._made = applied.ledger.made
        if applied.refused:
            self._found = None  # what was tried and undone is no change to look into
            examination = replace(examination, plan=as_it_stands(plan, node))
        verified = self.verify(examination)
        proven = remember(examination.desires.known_good, verified.working)
        unsaved = unsaved or self._save_known_good(proven)
        return self._outcome(
            problems=(*applied.refused, *unsaved, *examination.problems, *verified.problems),
            registries=verified.registries,
            done=applied.done,
        )

    def _save_known_good(self, known_good: KnownGood) -> tuple[Problem, ...]:
        """What this pass learned, for the next.

        Before the node is changed: a revoked anchor that has left must not come back out of an
        old view. And after, with what works then. But nothing depends on it.
        """
        try:
            self.state.save_known_good(known_good)
        except NodeTrouble as trouble:
            return (trouble.problem,)
        return ()

    def _view(self) -> ClusterView:
        try:
            return self.source.view()
        except ClusterTrouble as trouble:
            return ClusterView(services=(), bundles={}, complete=False, problems=(trouble.problem,))

    def _load_ledger(self) -> Ledger:
        """The record; one that was lost under a live agent is partly remembered."""
        ledger = self.state.load_ledger()
        return Ledger(made=self._made) if ledger == Ledger() else ledger

    def _look(
        self,
        ledger: Ledger,
        *,
        roots: tuple[Folder, ...],
        hosts: Iterable[str] = (),
        settled: bool = False,
    ) -> NodeView:
        for root in roots:
            self.files.check_linked(root)
        names = {root: self.files.names(root) for root in roots}
        folders = folders_to_read(roots=roots, names=names, hosts=hosts, ledger=ledger)
        self._found = self._node_state((*roots, *folders))
        found = {folder: self.files.read(folder) for folder in folders}
        return NodeView(roots=roots, names=names, found=found, ledger=ledger, settled=settled)

    def _plan(
        self, desires: Desires, node: NodeView, occasion: Occasion, runtime: RuntimeView
    ) -> tuple[Plan, Answers]:
        """Plan, trying what planning asks for until it asks no more."""
        answers = Answers()
        while True:
            try:
                plan = make_plan(desires=desires, node=node, occasion=occasion, answers=answers)
            except Unanswered as question:
                answers = self._answer(answers, question, runtime)
            else:
                return plan, answers

    def _answer(self, answers: Answers, question: Unanswered, runtime: RuntimeView) -> Answers:
        probes = probe_all(self.probe, question.routes)
        hosts = sorted(question.hosts)
        proofs = self.runtime.prove(socket=runtime.socket, hosts=hosts) if hosts else {}
        return Answers(probes={**answers.probes, **probes}, proofs={**answers.proofs, **proofs})

    def _outcome(
        self,
        *,
        problems: tuple[Problem, ...],
        registries: tuple[RegistryStatus, ...] = (),
        done: tuple[Step, ...] = (),
    ) -> Outcome:
        return Outcome(
            problems=tuple(dict.fromkeys(problems)),
            registries=registries,
            files_written=files_written(done),
            changed=tuple(map(describe_step, done)),
            seconds=0.0,
            finished=self.clock.now(),
        )
