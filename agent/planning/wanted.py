"""One registry that is wanted: the route that each of its hostnames shall have, in every root."""

from dataclasses import replace
from functools import partial
from typing import assert_never

from agent.errors import Problem, Reason
from agent.planning.change import Decision, decide_change, decide_creation
from agent.planning.desires import Desire
from agent.planning.endpoint_choice import choose_endpoint
from agent.planning.hostnames import shadow_of
from agent.planning.model import Endpoint, Folder, Route
from agent.planning.ownership import Foreign, Nobodys, Ours
from agent.planning.sheet import Sheet

FALLBACK = "_default"
"""What containerd reads for a host without a directory of its own."""


def place(sheet: Sheet, desire: Desire) -> None:
    """Decide on every directory of one registry. Raises Unanswered while a probe must tell."""
    owners = {
        folder: sheet.node.owner(folder)
        for root in sheet.node.roots
        for folder in map(root.child, desire.hosts)
    }
    routes = [owner.route for owner in owners.values() if isinstance(owner, Ours) and owner.route]
    wanted = choose_endpoint(
        desire=desire,
        present=[route.endpoint for route in routes],
        failures=sheet.occasion.failures.get(desire.registry, 0),
        answers=sheet.answers,
    )
    example = routes[0] if routes else desire.proven
    for folder, owner in owners.items():
        judged = partial(
            decide,
            sheet,
            desire,
            folder.name,
            wanted,
            example=example,
            fallback=FALLBACK in sheet.node.names.get(folder.parent, ()),
        )
        _report_shadow(sheet, desire, folder)
        match owner:
            case Foreign(problem=problem):
                sheet.report(replace(problem, registry=str(desire.registry)))
            case Nobodys():
                decision = judged(own=None)
                if decision.route is not None:
                    sheet.draft.create(folder=folder, route=decision.route)
            case Ours(route=own):
                sheet.adopt(folder, owner)
                decision = judged(own=own)
                _change(sheet, desire, folder, owner, decision)
            case _:
                assert_never(owner)


def decide(
    sheet: Sheet,
    desire: Desire,
    host: str,
    wanted: Endpoint,
    *,
    own: Route | None,
    example: Route | None,
    fallback: bool,
) -> Decision:
    """A hostname without a route of its own gets what the example's would be changed to.

    That is the route of a sibling, else the one that was last seen to work. Unless the name is
    pulled by other means already, which must not become worse: `fallback` is somebody's `_default`.
    """
    change = partial(
        decide_change,
        desire=desire,
        wanted=wanted,
        apply_held=sheet.occasion.apply_held,
        answers=sheet.answers,
    )
    if own is not None:
        decision = change(present=own)
    else:
        decision = decide_creation(
            desire=desire,
            host=host,
            wanted=wanted,
            fallback=fallback,
            apply_held=sheet.occasion.apply_held,
            answers=sheet.answers,
        )
        if decision.route is not None and example is not None:
            decision = change(present=example)
    if decision.problem is not None:
        sheet.report(decision.problem)
    if decision.route is not None:
        sheet.will_stand(desire.registry, host, decision.route)
    return decision


def _change(sheet: Sheet, desire: Desire, folder: Folder, ours: Ours, decision: Decision) -> None:
    if decision.route is None:
        sheet.keep(desire.registry, folder, ours, desire.revoked)
    else:
        sheet.draft.change(folder=folder, ours=ours, route=decision.route, revoked=desire.revoked)


def _report_shadow(sheet: Sheet, desire: Desire, folder: Folder) -> None:
    shadow = shadow_of(folder.name)
    if shadow in sheet.node.names.get(folder.parent, ()):
        sheet.report(
            Problem(
                reason=Reason.SHADOWED,
                where=f"{folder.parent.path}/{shadow}",
                detail=f"it is preferred to our directory {folder.name}",
                registry=str(desire.registry),
            )
        )
