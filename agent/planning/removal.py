"""Putting the node back: the steps that undo all that is still ours, from the ledger alone.

What another tool has changed since is left where it is, and said.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from agent.errors import Problem, Reason
from agent.planning.crio_drop_in import parse_drop_in
from agent.planning.crio_present import read_drop_in, read_entries
from agent.planning.folder_steps import Draft
from agent.planning.ledger import Ledger, adopt
from agent.planning.lingering import what_lingers
from agent.planning.model import (
    CA_FILE,
    DROP_IN_FILE,
    HOSTS_FILE,
    Blocked,
    Folder,
    Found,
    FoundFolder,
    Missing,
    RegistriesConf,
)
from agent.planning.node_view import NodeView
from agent.planning.ownership import Ours, is_as_written, is_exactly_ours
from agent.planning.steps import ReloadRuntime, RemoveDropIn, RemoveFolder, Step

_NOT_A_PLACE_OF_OURS = frozenset({Reason.SYMLINK_REFUSED, Reason.HOST_TAKEN})
"""What stands there is a link, which was never followed, or no directory: none of ours is in it."""

_CHANGED = "it is not as we wrote it, and is left where it is"
_THEIRS = "it is not ours, and keeps the directory where it is"
_NEEDED = "the hosts.toml beside it, which is not as we wrote it, needs it"
_NAMED = "the drop-in, which is not as we wrote it, sends pulls to that endpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The steps, what stays behind with the reason, and what could not be looked into."""

    steps: tuple[Step, ...]
    left: tuple[Problem, ...]
    unread: tuple[Problem, ...]
    ledger: Ledger


def roots_to_search(places: Mapping[Folder, Found]) -> tuple[Folder, ...]:
    """Those of the roots that are read now, and of the usual ones, in which any of ours may be."""
    return tuple(root for root, found in places.items() if not _is_taken(found))


def plan_removal(node: NodeView, conf: RegistriesConf, *, crio_runs: bool) -> Removal:
    """What puts the node back. Folders of lost ledgers are recognised by their content.

    A CRI-O that runs is reloaded before the certificates go that it may use until then.
    """
    ledger = _adopted(node, conf)
    draft, left, unread = Draft(), list[Problem](), list[Problem]()
    named = _named_by_others(node, conf, ledger)
    for folder in ledger.folders():
        found = node.found.get(folder, Missing())
        if isinstance(found, Blocked):
            problem = Problem(reason=found.reason, where=folder.path, detail=found.detail)
            (left if _is_taken(found) else unread).append(problem)
        if not isinstance(found, FoundFolder):
            continue
        ours = {
            name
            for name, content in found.files.items()
            if is_as_written(folder=folder, name=name, content=content, ledger=ledger)
        }
        if ledger.has(folder, DROP_IN_FILE):
            left += _drop_in_left(folder, found, ours)
            if DROP_IN_FILE in ours:
                draft.routes.append(RemoveDropIn(folder=folder, name=DROP_IN_FILE))
            continue
        left += [_left(folder, name, _CHANGED) for name in found.files if name not in ours]
        if why := _need_of_our_ca(found, ours, is_named=folder in named):
            ours.remove(CA_FILE)
            left.append(_left(folder, CA_FILE, why))
        left += [_left(folder, name, _THEIRS) for name in found.others]
        draft.removals.append(RemoveFolder(folder=folder, names=tuple(sorted(ours))))
    for folder in node.moved_away():
        draft.remove(folder)
    before = read_entries(node, conf) if draft.routes else {}
    ledger = replace(ledger, lingering=what_lingers(ledger, before=before, after=()))
    if crio_runs and ledger.lingering:
        draft.routes.append(ReloadRuntime())
    if not unread:  # else they stay on record, for the removal that is repeated
        draft.remove_made(ledger.made)
    return Removal(steps=draft.steps(), left=tuple(left), unread=tuple(unread), ledger=ledger)


def _adopted(node: NodeView, conf: RegistriesConf) -> Ledger:
    """The record, with what is ours by its content."""
    ledger = node.ledger
    for folder in node.host_folders():
        owner = node.owner(folder)
        if isinstance(owner, Ours) and not owner.in_ledger:
            ledger = adopt(ledger, folder=folder, files=owner.files)
    drop_in = read_drop_in(node, conf)
    if drop_in is not None and is_exactly_ours(DROP_IN_FILE, drop_in):
        ledger = adopt(ledger, folder=conf.drop_ins, files={DROP_IN_FILE: drop_in})
    return ledger


def _drop_in_left(folder: Folder, found: FoundFolder, ours: Container[str]) -> list[Problem]:
    is_changed = DROP_IN_FILE in found.files and DROP_IN_FILE not in ours
    return [_left(folder, DROP_IN_FILE, _CHANGED)] if is_changed else []


def _named_by_others(node: NodeView, conf: RegistriesConf, ledger: Ledger) -> frozenset[Folder]:
    """The directories of certificates that a drop-in needs which somebody has changed."""
    content = read_drop_in(node, conf)
    if content is None or is_as_written(
        folder=conf.drop_ins, name=DROP_IN_FILE, content=content, ledger=ledger
    ):
        return frozenset()
    endpoints = parse_drop_in(content).values()
    return frozenset(conf.certificates.child(endpoint.authority) for endpoint in endpoints)


def _is_taken(found: Found) -> bool:
    return isinstance(found, Blocked) and found.reason in _NOT_A_PLACE_OF_OURS


def _need_of_our_ca(found: FoundFolder, ours: Container[str], *, is_named: bool) -> str:
    """What stays and would come to name a CA file that is gone; empty where nothing does."""
    if CA_FILE not in ours:
        return ""
    if HOSTS_FILE not in ours and CA_FILE.encode() in found.files.get(HOSTS_FILE, b""):
        return _NEEDED
    return _NAMED if is_named else ""


def _left(folder: Folder, name: str, detail: str) -> Problem:
    return Problem(reason=Reason.CHANGED_BY_OTHERS, where=f"{folder.path}/{name}", detail=detail)
