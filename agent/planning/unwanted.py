"""Directories of ours that nobody asks for, or that the runtime no longer reads."""

from dataclasses import replace

from agent.planning.desires import Desires
from agent.planning.hostnames import registry_of
from agent.planning.model import DROP_IN_FILE, Folder, RegistryName, Route
from agent.planning.ownership import Ours
from agent.planning.revocation import without_revoked
from agent.planning.sheet import Sheet
from agent.planning.steps import RemoveDropIn
from agent.planning.withdrawal import judge_withdrawal


def review_unwanted(sheet: Sheet, desires: Desires) -> None:
    """Decide on the directories whose name nobody asks for. Raises Unanswered."""
    wanted = {host for desire in desires.wanted for host in desire.hosts}
    since = {}
    for folder in sheet.node.host_folders():
        owner = sheet.node.owner(folder)
        registry = registry_of(folder.name)
        if folder.name in wanted or registry is None or not isinstance(owner, Ours):
            continue
        sheet.adopt(folder, owner)
        verdict = judge_withdrawal(
            registry=registry,
            place=folder.path,
            route=owner.route,
            desires=desires,
            ledger=sheet.node.ledger,
            occasion=sheet.occasion,
            answers=sheet.answers,
            pulled_as=folder.name if sheet.node.trust_only else "",
        )
        if verdict.problem is not None:
            sheet.report(verdict.problem)
        if verdict.unwanted_since is not None:
            since[folder.path] = verdict.unwanted_since
        if verdict.remove:
            sheet.draft.remove(folder)
            continue
        revoked = desires.revoked_for(registry)
        sheet.keep(registry, folder, owner, revoked)
        if owner.route is not None and (registry in desires.kept or not desires.certain):
            _watch_on(sheet, registry, folder, owner.route, revoked)
    sheet.ledger = replace(sheet.ledger, unwanted_since=since)


def leave_unread(sheet: Sheet) -> None:
    """What we wrote where the runtime no longer reads: other roots, or another runtime's files."""
    for folder in _unread(sheet):
        if sheet.ledger.has(folder, DROP_IN_FILE):
            sheet.draft.removals.append(RemoveDropIn(folder=folder, name=DROP_IN_FILE))
        else:
            sheet.draft.remove(folder)
    for folder in sheet.node.moved_away():
        sheet.draft.remove(folder)


def leave_unread_once_seen(sheet: Sheet) -> None:
    """The same, once the runtime was seen to pull every name that stands. Raises Unanswered."""
    hosts = [host for names in sheet.hosts.values() for host in names]
    if _unread(sheet) and all(proof.effective for proof in sheet.answers.proofs_of(hosts)):
        leave_unread(sheet)


def _unread(sheet: Sheet) -> tuple[Folder, ...]:
    """The directories on record that stand, and that the runtime surely does not look into."""
    if not (sheet.node.settled and sheet.node.roots):
        return ()
    return tuple(
        folder
        for folder in sheet.ledger.folders()
        if sheet.is_there(folder) and not sheet.node.is_read(folder)
    )


def _watch_on(
    sheet: Sheet, registry: RegistryName, folder: Folder, route: Route, revoked: frozenset[str]
) -> None:
    """Go on probing what is kept although its Service, or its bundle, is unknown now."""
    left = without_revoked(route.ders, revoked)
    if left:
        sheet.will_stand(registry, folder.name, replace(route, ders=left))
