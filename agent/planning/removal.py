"""Putting the node back: the steps that undo all that is still ours, from the ledger alone.

What another tool has changed since is left where it is, and said.
"""

from dataclasses import dataclass

from agent.errors import Problem, Reason
from agent.planning.folder_steps import Draft
from agent.planning.ledger import Ledger, adopt
from agent.planning.model import CA_FILE, HOSTS_FILE, Blocked, Folder, FoundFolder, Missing
from agent.planning.node_view import NodeView
from agent.planning.ownership import Ours, is_as_written
from agent.planning.steps import RemoveFolder, Step

_CHANGED = "it is not as we wrote it, and is left where it is"
_THEIRS = "it is not ours, and keeps the directory where it is"
_NEEDED = "the hosts.toml beside it, which is not as we wrote it, needs it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The steps, what stays behind with the reason, and what could not be looked into."""

    steps: tuple[Step, ...]
    left: tuple[Problem, ...]
    unread: tuple[Problem, ...]
    ledger: Ledger


def plan_removal(node: NodeView) -> Removal:
    """What puts the node back. Folders of lost ledgers are recognised by their content."""
    ledger = node.ledger
    for folder in node.host_folders():
        owner = node.owner(folder)
        if isinstance(owner, Ours) and not owner.in_ledger:
            ledger = adopt(ledger, folder=folder, files=owner.files)
    removals: list[Step] = []
    left: list[Problem] = []
    unread: list[Problem] = []
    for folder in ledger.folders():
        found = node.found.get(folder, Missing())
        if isinstance(found, Blocked):
            taken = found.reason in {Reason.SYMLINK_REFUSED, Reason.HOST_TAKEN}
            problem = Problem(reason=found.reason, where=folder.path, detail=found.detail)
            (left if taken else unread).append(problem)
        if not isinstance(found, FoundFolder):
            continue
        ours = {
            name
            for name, content in found.files.items()
            if is_as_written(folder=folder, name=name, content=content, ledger=ledger)
        }
        left += [_left(folder, name, _CHANGED) for name in found.files if name not in ours]
        if CA_FILE in ours and HOSTS_FILE not in ours and _names_our_ca(found):
            ours.remove(CA_FILE)
            left.append(_left(folder, CA_FILE, _NEEDED))
        left += [_left(folder, name, _THEIRS) for name in found.others]
        removals.append(RemoveFolder(folder=folder, names=tuple(sorted(ours))))
    draft = Draft(removals=removals)
    if not unread:  # else they stay on record, for the removal that is repeated
        draft.remove_made(ledger.made)
    return Removal(steps=draft.steps(), left=tuple(left), unread=tuple(unread), ledger=ledger)


def _names_our_ca(found: FoundFolder) -> bool:
    """Whether a hosts.toml that stays would come to name a CA file that is gone."""
    return CA_FILE.encode() in found.files.get(HOSTS_FILE, b"")


def _left(folder: Folder, name: str, detail: str) -> Problem:
    return Problem(reason=Reason.CHANGED_BY_OTHERS, where=f"{folder.path}/{name}", detail=detail)
