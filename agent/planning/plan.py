"""The plan of a pass: ordered steps from what is there to what is wanted, and what is in the way.

Every decision is made directory by directory, because a crash can leave two of them in different
states; a plan made from any such state ends at the same place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from agent.errors import Problem
from agent.planning.answers import Answers, Unanswered
from agent.planning.desires import Desires
from agent.planning.ledger import Ledger, confirm
from agent.planning.model import RegistryName, Route
from agent.planning.node_view import NodeView
from agent.planning.sheet import Occasion, Sheet
from agent.planning.steps import Step
from agent.planning.unwanted import leave_unread_roots, review_unwanted
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
    tasks = [partial(place, sheet, desire) for desire in desires.wanted]
    leave_unread_roots(sheet)
    questions = [*map(_question, [*tasks, partial(review_unwanted, sheet, desires)])]
    routes = frozenset[Route]().union(*(question.routes for question in questions if question))
    hosts = frozenset[str]().union(*(question.hosts for question in questions if question))
    if routes or hosts:
        raise Unanswered(routes=routes, hosts=hosts)
    return _plan(sheet, desires)


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
