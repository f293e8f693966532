"""One pass: observe, plan, apply, verify. The only writer.

Level-triggered: a pass reads everything anew, so that it does not matter which event woke it or
how many were missed. Whatever the world refuses becomes a problem in the outcome and is tried
again; an exception that is not Trouble is a bug and ends the process.
"""

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta

from agent.applier import Applied, Applier, nothing_done
from agent.errors import ClusterTrouble, NodeTrouble, Problem
from agent.observer import Observer
from agent.planning.answers import Answers, Unanswered
from agent.planning.describe import describe_step, files_written
from agent.planning.desires import Desires, Rules, desires_of
from agent.planning.known_good import KnownGood, remember
from agent.planning.model import ClusterView, RuntimeView
from agent.planning.node_view import NodeView, needs_restart, roots_in_use
from agent.planning.outcome import Outcome, RegistryStatus
from agent.planning.plan import Plan, make_plan
from agent.planning.removal import Removal
from agent.planning.sheet import Occasion
from agent.planning.standing import as_it_stands
from agent.planning.steps import Step, folders_of
from agent.ports import Clock, ConfigTurn, HostFiles, Probe, Runtime, Services, Source, State
from agent.probing import probe_all
from agent.remover import Remover
from agent.verifier import Verified, Verifier


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
    turn: ConfigTurn
    services: Services
    probe: Probe
    clock: Clock
    rules: Rules
    withdraw_after: timedelta
    stop: threading.Event
    may_reload: bool = True
    applier: Applier = field(init=False)
    verifier: Verifier = field(init=False)
    observer: Observer = field(init=False)

    def __post_init__(self) -> None:
        self.applier = Applier(
            files=self.files,
            state=self.state,
            runtime=self.runtime,
            clock=self.clock,
            stop=self.stop,
            may_reload=self.may_reload,
        )
        self.observer = Observer(files=self.files, state=self.state, runtime=self.runtime)
        self.verifier = Verifier(
            probe=self.probe, runtime=self.runtime, services=self.services, clock=self.clock
        )

    def examine(self, *, apply_held: bool = False) -> Examination:
        """Observe and plan; changes nothing. Raises NodeTrouble when the node cannot be read."""
        runtime = self.runtime.observe()
        known_good = self.state.load_known_good()
        desires = desires_of(
            view=self._view(), known_good=known_good, rules=self.rules, now=self.clock.now()
        )
        hosts = [host for desire in desires.wanted for host in desire.hosts]
        ledger = self.observer.load_ledger()
        in_the_way = (
            *self.state.problems,
            *runtime.problems,
            *self.turn.problems(runtime),
            *needs_restart(runtime, ledger),
        )
        roots = roots_in_use(runtime, ledger)
        node = self.observer.look(
            ledger,
            roots=roots,
            hosts=hosts,
            settled=runtime.settled,
            conf=runtime.registries_conf,
            docker=runtime.docker,
        )
        occasion = Occasion(
            now=self.clock.now(),
            withdraw_after=self.withdraw_after,
            apply_held=apply_held,
            failures=self.verifier.failures,
            proven=self.verifier.proven(runtime),
            may_reload=self.may_reload,
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
        """Observe, plan, apply, verify, once. What the node refuses is in the outcome.

        Without the node's lock nothing is applied, and what stands is verified all the same.
        """
        began = self.clock.monotonic()
        self.observer.forget()
        locked_out: tuple[Problem, ...] = ()
        try:
            with ExitStack() as held:
                locked_out = self._lock(held)
                outcome = self._converge(apply_held=apply_held, locked_out=locked_out)
        except NodeTrouble as trouble:
            outcome = self._outcome(problems=(*locked_out, trouble.problem))
        return replace(outcome, seconds=self.clock.monotonic() - began)

    def moved(self) -> bool:
        """Whether the node is not as the last pass found it; False if that could not look at it."""
        return self.observer.moved()

    def remove(self) -> Removal:
        """Put the node back: undo all that is still ours, the record last. Raises NodeTrouble."""
        return Remover(
            observer=self.observer,
            applier=self.applier,
            state=self.state,
            runtime=self.runtime,
            turn=self.turn,
        ).remove()

    def turn_on(self) -> str:
        """Turn on config_path where the runtime does without; what was done, empty for nothing.

        For whoever holds the node's lock. Restarts the runtime. Raises NodeTrouble.
        """
        runtime = self.runtime.observe()
        return self.turn.turn_on(runtime) if self.turn.is_due(runtime) else ""

    def verify(self, examination: Examination) -> Verified:
        """Try the routes of the plan: probes, and the runtime's own proof."""
        return self.verifier.verify(
            plan=examination.plan,
            desires=examination.desires,
            runtime=examination.runtime,
            answers=examination.answers,
        )

    def _lock(self, held: ExitStack) -> tuple[Problem, ...]:
        """Take the node's lock, or say what stands in the way."""
        try:
            held.enter_context(self.state.exclusive())
        except NodeTrouble as trouble:
            return (trouble.problem,)
        return ()

    def _converge(self, *, apply_held: bool, locked_out: tuple[Problem, ...]) -> Outcome:
        repaired = () if locked_out else self.turn.repair(self.runtime.observe())
        examination = self.examine(apply_held=apply_held)
        if self.stop.is_set():  # probes may have been cut short, and must not decide anything
            return self._outcome(
                problems=(*locked_out, *repaired, *examination.problems),
                runtime=examination.runtime,
            )
        plan, node = examination.plan, examination.node
        if locked_out:
            applied = nothing_done(plan.steps, ledger=node.ledger, refused=locked_out)
        else:
            applied = self._apply(plan, node, examination.desires)
        if applied.unfinished:
            plan = self._as_it_stands(plan, node, applied)
        verified = self.verify(replace(examination, plan=replace(plan, steps=applied.done)))
        proven = remember(examination.desires.known_good, verified.working)
        unsaved = () if locked_out else self._save_known_good(proven)
        return self._outcome(
            problems=(
                *repaired,
                *applied.refused,
                *unsaved,
                *examination.problems,
                *verified.problems,
            ),
            registries=verified.registries,
            done=applied.done,
            runtime=examination.runtime,
        )

    def _apply(self, plan: Plan, node: NodeView, desires: Desires) -> Applied:
        unsaved = self._save_known_good(desires.known_good)
        applied = self.applier.apply(
            plan.steps, ledger=plan.ledger, known=node.ledger, roots=node.roots
        )
        self.observer.made = applied.ledger.made
        return replace(applied, refused=(*applied.refused, *unsaved))

    def _as_it_stands(self, plan: Plan, node: NodeView, applied: Applied) -> Plan:
        """The plan as far as it came true, by another look at what it was to change."""
        # What was tried and undone is no change to look into.
        self.observer.note((*node.roots, *node.found))
        found = {folder: self.files.read(folder) for folder in folders_of(plan.steps)}
        now = replace(node, found={**node.found, **found}, ledger=applied.ledger)
        return as_it_stands(plan, now, unfinished=applied.unfinished)

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
        runtime: RuntimeView | None = None,
    ) -> Outcome:
        return Outcome(
            problems=tuple(dict.fromkeys(problems)),
            registries=registries,
            files_written=files_written(done),
            changed=tuple(map(describe_step, done)),
            seconds=0.0,
            finished=self.clock.now(),
            runtime=runtime.title if runtime else "",
        )
