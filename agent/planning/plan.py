"""The plan of a pass: ordered steps from what is there to what is wanted, and what is in the way.

Every decision is made directory by directory, because a crash can leave two of them in different
states; a plan made from any such state ends at the same place.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from agent.errors import Problem
from agent.planning.answers import Answers, Unanswered
from agent.planning.crio_plan import plan_drop_in
from agent.planning.desires import Desires
from agent.planning.ledger import Ledger, confirm
from agent.planning.model import RegistryName, Route
from agent.planning.node_view import NodeView
from agent.planning.sheet import Occasion, Sheet
from agent.planning.steps import Step
from agent.planning.trust_plan import place_anchors
from agent.planning.unwanted import leave_unread, leave_unread_once_seen, review_unwanted
from agent.planning.wanted import place


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
    sheet = Sheet(node=node, occasion=occasion, answers=answers, ledger=ledger)
    *decisions, last = _tasks(sheet, desires)
    _ask(decisions)
    _ask([last])
    return _plan(sheet, desires)


def _tasks(sheet: Sheet, desires: Desires) -> tuple[Callable[[], None], ...]:
    """What is to be decided; the last one needs all the others."""
    conf = sheet.node.registries_conf
    if conf is not None:
        return tuple(plan_drop_in(sheet, conf, desires))
    place_one = place_anchors if sheet.node.trust_only else place
    leave = leave_unread_once_seen if sheet.node.docker else leave_unread
    wanted = (partial(place_one, sheet, desire) for desire in desires.wanted)
    return (*wanted, partial(review_unwanted, sheet, desires), partial(leave, sheet))


def _ask(tasks: Iterable[Callable[[], None]]) -> None:
    """Do the tasks. Raises Unanswered with all that any of them must know first."""
    asked = [question for task in tasks if (question := _question(task)) is not None]
    routes = frozenset[Route]().union(*(question.routes for question in asked))
    hosts = frozenset[str]().union(*(question.hosts for question in asked))
    if routes or hosts:
        raise Unanswered(routes=routes, hosts=hosts)


def _question(task: Callable[[], None]) -> Unanswered | None:
    """What a task must know before it can be done; None when it is done."""
    try:
        task()
    except Unanswered as question:
        return question
    return None


def _plan(sheet: Sheet, desires: Desires) -> Plan:
    """What it all comes to."""
    standing = {folder for folder in sheet.ledger.folders() if sheet.is_there(folder)}
    if desires.certain and sheet.draft.leaves_nothing(standing):
        sheet.draft.remove_made(sheet.ledger.made)
    return Plan(
        steps=sheet.draft.steps(),
        problems=(*desires.problems, *sheet.problems),
        ledger=sheet.ledger,
        routes=sheet.routes,
        hosts={registry: tuple(hosts) for registry, hosts in sheet.hosts.items()},
    )
