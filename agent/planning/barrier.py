"""Whether every node that counts has a CA, so that the registry may be served by it.

A node says in its Lease which anchors it has for each registry. One that says nothing, or is not
ready, keeps the others waiting for a bounded time only: what it has meanwhile is covered by the
cross-signature. One that is there and has not got the CA is waited for, and named.

Not counted: a node that is gone or not selected, one that was put back, and those whose runtime
reads no file of ours. A node that has files for none of these registries is counted all the same:
it may be about to write them from the bundle as it was.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.planning.fleet import NO_AGENT, NO_NODE, SILENT, Fleet, Row
from agent.planning.node_state import State

_SHOWN = 5  # of the nodes waited for, in one line
_READS_NOTHING = {State.UNSUPPORTED, State.REMOVED, NO_NODE}
_WITHOUT_FILES = {State.REFUSED, State.NEEDS_RESTART}
"""States of a node that may have none of our files, or whose runtime reads none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A node that is waited for, and why. `until` is when no longer; None: until it has the CA."""

    node: str
    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """What the fleet says. `counted` nodes there are, `awaited` some of them."""

    counted: int
    awaited: tuple[Awaited, ...]
    given_up: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is waited for."""
        return not self.awaited

    @property
    def progress(self) -> str:
        """One line for people."""
        ready = self.counted - len(self.awaited) - len(self.given_up)
        text = f"{ready} of {self.counted} nodes have the next CA"
        if self.given_up:
            text += f"; no longer waiting for {_listed(self.given_up)}"
        if self.awaited:
            text += "; waiting for " + _listed(
                [f"{item.node} ({item.why})" for item in self.awaited]
            )
        return text


def judge_barrier(
    fleet: Fleet,
    *,
    anchor: str,
    registries: frozenset[str],
    since: datetime,
    patience: timedelta,
) -> Barrier:
    """Who has the anchor, and who is waited for. `registries` are `namespace/name`.

    `since` is when the anchor was published.
    """
    counted, awaited, given_up = 0, [], []
    for row in fleet.rows:
        if row.state in _READS_NOTHING or not row.selected:
            continue
        counted += 1
        why, is_bounded = _missing(row, anchor=anchor, registries=registries)
        until = since + patience if is_bounded else None
        if not why:
            continue
        if until is not None and fleet.now >= until:
            given_up.append(row.node)
        else:
            awaited.append(Awaited(node=row.node, why=why, until=until))
    return Barrier(counted=counted, awaited=tuple(awaited), given_up=tuple(given_up))


def _missing(row: Row, *, anchor: str, registries: frozenset[str]) -> tuple[str, bool]:
    """Why a node has to be waited for, or nothing; and whether for a bounded time."""
    told = {name: found for name, found in row.told.anchors.items() if name in registries}
    lacking = sorted(name for name, found in told.items() if anchor not in found)
    if told and not lacking:
        return "", False
    if row.state == NO_AGENT:
        return "no agent has said anything", True
    if row.state == SILENT:
        return "silent", True
    if not row.ready:
        return "not ready", True
    if not told:
        return ("", False) if row.state in _WITHOUT_FILES else (f"{row.state}, no files yet", True)
    return f"has not got it for {', '.join(lacking)}", False


def _listed(names: Iterable[str]) -> str:
    names = tuple(names)
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
