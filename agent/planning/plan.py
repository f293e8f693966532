"""The plan of a pass: ordered steps from what is there to what is wanted, and what is in the way.

Every decision is made directory by directory, because a crash can leave two of them in different
states; a plan made from any such state ends at the same place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

from agent.errors import Problem, Reason
from agent.planning.answers import Answers, Unanswered
from agent.planning.change import Decision, decide_change, decide_creation
from agent.planning.desires import Desire, Desires
from agent.planning.endpoint_choice import choose_endpoint
from agent.planning.folder_steps import Draft
from agent.planning.hostnames import registry_of, shadow_of
from agent.planning.ledger import Ledger, adopt, confirm
from agent.planning.model import CA_FILE, Endpoint, Folder, FoundFolder, RegistryName, Route
from agent.planning.node_view import NodeView
from agent.planning.ownership import Foreign, Nobodys, Ours
from agent.planning.revocation import without_revoked
from agent.planning.steps import Step
from agent.planning.trust_bundle import parse_trust_file
from agent.planning.withdrawal import judge_withdrawal

FALLBACK = "_default"
"""What containerd reads for a host without a directory of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The pass's circumstances. `failures` counts failed probes in a row, by registry."""

    now: datetime
    withdraw_after: timedelta
    apply_held: bool = False
    failures: Mapping[RegistryName, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in order, what to report, the ledger to begin from, and the routes that will stand.

    `hosts` are the names of each registry that will have a directory of ours.
    """

    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    ledger: Ledger
    routes: Mapping[RegistryName, Route]
    hosts: Mapping[RegistryName, tuple[str, ...]]


def make_plan(*, desires: Desires, node: NodeView, occasion: Occasion, answers: Answers) -> Plan:
    """The plan. Raises Unanswered with all that must be tried before it can be made."""
    ledger = confirm(node.ledger, found=node.found)
    sheet = _Sheet(node=node, occasion=occasion, answers=answers, ledger=ledger)
    tasks = [partial(sheet.place, desire) for desire in desires.wanted]
    sheet.leave_unread_roots()
    questions = [*map(_question, [*tasks, partial(sheet.review_unwanted, desires)])]
    routes = frozenset[Route]().union(*(question.routes for question in questions if question))
    hosts = frozenset[str]().union(*(question.hosts for question in questions if question))
    if routes or hosts:
        raise Unanswered(routes=routes, hosts=hosts)
    return sheet.plan(desires)


def as_it_stands(plan: Plan, node: NodeView) -> Plan:
    """The plan after the node refused it: no steps, and the routes that are on disk."""
    routes: dict[RegistryName, Route] = {}
    hosts: dict[RegistryName, tuple[str, ...]] = {}
    for folder in node.host_folders():
        owner, registry = node.owner(folder), registry_of(folder.name)
        if registry is None or not isinstance(owner, Ours) or owner.route is None:
            continue
        if registry in plan.routes:
            routes.setdefault(registry, owner.route)
            hosts[registry] = (*hosts.get(registry, ()), folder.name)
    return replace(plan, steps=(), routes=routes, hosts=hosts)


def _question(task: Callable[[], None]) -> Unanswered | None:
    """What a task must know before it can be done; None when it is done."""
    try:
        task()
    except Unanswered as question:
        return question
    return None


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """Where the single decisions of one plan are written down."""

    node: NodeView
    occasion: Occasion
    answers: Answers
    ledger: Ledger
    draft: Draft = field(default_factory=Draft)
    problems: list[Problem] = field(default_factory=list)
    routes: dict[RegistryName, Route] = field(default_factory=dict)
    hosts: dict[RegistryName, list[str]] = field(default_factory=dict)

    def place(self, desire: Desire) -> None:
        """One registry, in every root, under every name."""
        owners = {
            folder: self.node.owner(folder)
            for root in self.node.roots
            for folder in map(root.child, desire.hosts)
        }
        routes = [
            owner.route for owner in owners.values() if isinstance(owner, Ours) and owner.route
        ]
        wanted = choose_endpoint(
            desire=desire,
            present=[route.endpoint for route in routes],
            failures=self.occasion.failures.get(desire.registry, 0),
            answers=self.answers,
        )
        sibling = routes[0] if routes else None
        for folder, owner in owners.items():
            self._report_shadow(desire, folder)
            match owner:
                case Foreign(problem=problem):
                    self._report(replace(problem, registry=str(desire.registry)))
                case Nobodys():
                    decision = self._decide(desire, folder, wanted, own=None, sibling=sibling)
                    if decision.route is not None:
                        self.draft.create(folder=folder, route=decision.route)
                case Ours(route=own):
                    self._adopt(folder, owner)
                    decision = self._decide(desire, folder, wanted, own=own, sibling=sibling)
                    self._change(desire, folder, owner, decision)
                case _:
                    assert_never(owner)

    def _decide(
        self,
        desire: Desire,
        folder: Folder,
        wanted: Endpoint,
        *,
        own: Route | None,
        sibling: Route | None,
    ) -> Decision:
        """A directory without a route of its own gets what a sibling's would be changed to.

        Unless the name is pulled by other means already, which must not become worse.
        """
        change = partial(
            decide_change,
            desire=desire,
            wanted=wanted,
            apply_held=self.occasion.apply_held,
            answers=self.answers,
        )
        if own is not None:
            decision = change(present=own)
        else:
            decision = decide_creation(
                desire=desire,
                host=folder.name,
                wanted=wanted,
                fallback=FALLBACK in self.node.names.get(folder.parent, ()),
                apply_held=self.occasion.apply_held,
                answers=self.answers,
            )
            if decision.route is not None and sibling is not None:
                decision = change(present=sibling)
        if decision.problem is not None:
            self._report(decision.problem)
        if decision.route is not None:
            self._will_stand(desire.registry, folder, decision.route)
        return decision

    def _change(self, desire: Desire, folder: Folder, ours: Ours, decision: Decision) -> None:
        if decision.route is None:
            self._keep(desire.registry, folder, ours, desire.revoked)
        else:
            self.draft.change(
                folder=folder, ours=ours, route=decision.route, revoked=desire.revoked
            )

    def _keep(
        self, registry: RegistryName, folder: Folder, ours: Ours, revoked: frozenset[str]
    ) -> None:
        """A directory as it is, but without revoked anchors; one that is left with none goes."""
        ders = parse_trust_file(ours.files.get(CA_FILE, b"")) or ()
        left = without_revoked(ders, revoked)
        if left == ders:
            return
        if left:
            self.draft.fewer(folder=folder, ders=left)
            return
        self.draft.remove(folder)
        self._report(
            Problem(
                reason=Reason.ALL_ANCHORS_REVOKED,
                where=f"Service {registry}",
                detail="every CA that this node trusted for it is revoked",
                registry=str(registry),
            )
        )

    def _will_stand(self, registry: RegistryName, folder: Folder, route: Route) -> None:
        self.routes.setdefault(registry, route)
        hosts = self.hosts.setdefault(registry, [])
        if folder.name not in hosts:
            hosts.append(folder.name)

    def review_unwanted(self, desires: Desires) -> None:
        """Directories of ours in the present roots whose name nobody asks for."""
        wanted = {host for desire in desires.wanted for host in desire.hosts}
        since = {}
        for folder in self.node.host_folders():
            owner = self.node.owner(folder)
            registry = registry_of(folder.name)
            if folder.name in wanted or registry is None or not isinstance(owner, Ours):
                continue
            self._adopt(folder, owner)
            verdict = judge_withdrawal(
                registry=registry,
                folder=folder,
                ours=owner,
                desires=desires,
                ledger=self.node.ledger,
                now=self.occasion.now,
                withdraw_after=self.occasion.withdraw_after,
                answers=self.answers,
            )
            if verdict.problem is not None:
                self._report(verdict.problem)
            if verdict.unwanted_since is not None:
                since[folder.path] = verdict.unwanted_since
            if verdict.remove:
                self.draft.remove(folder)
                continue
            revoked = desires.revoked_for(registry)
            self._keep(registry, folder, owner, revoked)
            if owner.route is not None and (registry in desires.kept or not desires.certain):
                self._watch_on(registry, folder, owner.route, revoked)
        self.ledger = replace(self.ledger, unwanted_since=since)

    def leave_unread_roots(self) -> None:
        """Directories of ours in roots that the runtime no longer reads."""
        for folder in self.ledger.folders() if self.node.settled and self.node.roots else ():
            if folder.parent not in self.node.roots and self._is_there(folder):
                self.draft.remove(folder)

    def _watch_on(
        self, registry: RegistryName, folder: Folder, route: Route, revoked: frozenset[str]
    ) -> None:
        """Go on probing what is kept although its Service, or its bundle, is unknown now."""
        left = without_revoked(route.ders, revoked)
        if left:
            self._will_stand(registry, folder, replace(route, ders=left))

    def _adopt(self, folder: Folder, ours: Ours) -> None:
        if not ours.in_ledger:
            self.ledger = adopt(self.ledger, folder=folder, files=ours.files)

    def _report_shadow(self, desire: Desire, folder: Folder) -> None:
        shadow = shadow_of(folder.name)
        if shadow in self.node.names.get(folder.parent, ()):
            self._report(
                Problem(
                    reason=Reason.SHADOWED,
                    where=f"{folder.parent.path}/{shadow}",
                    detail=f"it is preferred to our directory {folder.name}",
                    registry=str(desire.registry),
                )
            )

    def _is_there(self, folder: Folder) -> bool:
        return isinstance(self.node.found.get(folder), FoundFolder)

    def _report(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def plan(self, desires: Desires) -> Plan:
        """What it all comes to."""
        standing = {folder for folder in self.ledger.folders() if self._is_there(folder)}
        if desires.certain and self.draft.leaves_nothing(standing):
            self.draft.remove_made(self.ledger.made)
        return Plan(
            steps=self.draft.steps(),
            problems=(*desires.problems, *self.problems),
            ledger=self.ledger,
            routes=self.routes,
            hosts={registry: tuple(hosts) for registry, hosts in self.hosts.items()},
        )
