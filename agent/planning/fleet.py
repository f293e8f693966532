"""The fleet in one table: what each node's Lease says, and which nodes say nothing. Worst first.

A Lease is believed for as long as it says itself (`leaseDurationSeconds`). A node that was put back
is done: it may be silent. Times are the nodes' own, so a clock that is wrong by more than that
shows as silence.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.planning.node_selection import Selection
from agent.planning.node_state import State

SILENT, NO_AGENT = "silent", "no-agent"
NO_NODE, NOT_SELECTED = "no-node", "not-selected"
DEFAULT_DURATION = timedelta(minutes=25)
"""How long a Lease is believed that does not say so."""

_ORDER = (SILENT, NO_AGENT, *(state.value for state in State), NO_NODE, NOT_SELECTED)
_RANK = {state: number for number, state in enumerate(_ORDER)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """A node's Lease, as read. Texts are empty where it does not have them.

    `anchors` are fingerprints, by registry as `namespace/name`.
    """

    node: str
    state: str = ""
    reason: str = ""
    runtime: str = ""
    version: str = ""
    trust: tuple[str, ...] = ()
    anchors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    config_sha256: str = ""
    renewed: datetime | None = None
    duration: timedelta = DEFAULT_DURATION


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """A Node, as read."""

    name: str
    ready: bool
    runtime: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One node. `state` is a State or one of this module's words; `note` explains it further.

    `told` is what its Lease says; where there is none, no more than what its Node does. `selected`
    tells whether a pod is wanted there, `ready` what the Node says of itself.
    """

    state: str
    told: LeaseRecord
    note: str = ""
    selected: bool = True
    ready: bool = True

    @property
    def node(self) -> str:
        """Its name."""
        return self.told.node


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All nodes, worst first. `now` is when they were looked at.

    `trust` is where the trust controller says it is; empty where there is none.
    """

    rows: tuple[Row, ...]
    now: datetime
    trust: str = ""

    @property
    def totals(self) -> dict[str, int]:
        """How many nodes are in each state, worst first; states without any are left out."""
        counted = Counter(row.state for row in self.rows)
        return {state: counted[state] for state in sorted(counted, key=rank)}

    def names(self, state: str) -> tuple[str, ...]:
        """The nodes in a state."""
        return tuple(row.node for row in self.rows if row.state == state)


def fleet_of(
    *,
    leases: Iterable[LeaseRecord],
    nodes: Iterable[NodeRecord],
    selections: Iterable[Selection],
    now: datetime,
) -> Fleet:
    """Every Node and every Lease, each node once.

    Without any selection known, a pod is taken to be wanted on every Node.
    """
    by_name = {lease.node: lease for lease in leases}
    known = {node.name: node for node in nodes}
    wanted = tuple(selections) or (Selection(),)
    rows = [
        _row(node, by_name.get(name), _is_selected(node, wanted), now)
        for name, node in known.items()
    ]
    rows += [
        Row(told=lease, state=NO_NODE, note=f"last said {lease.state or 'nothing'}")
        for name, lease in by_name.items()
        if name not in known
    ]
    return Fleet(rows=tuple(sorted(rows, key=lambda row: (rank(row.state), row.node))), now=now)


def rank(state: str) -> int:
    """Its place in the order, worst first. One of a version newer than ours is looked at early."""
    return _RANK.get(state, _RANK[State.DEGRADED])


def _is_selected(node: NodeRecord, selections: Iterable[Selection]) -> bool:
    return any(selection.selects(node.name, node.labels) for selection in selections)


def _row(node: NodeRecord, lease: LeaseRecord | None, selected: bool, now: datetime) -> Row:
    notes = [] if node.ready else ["node not ready"]
    if lease is None:
        state = NO_AGENT if selected else NOT_SELECTED
        told = LeaseRecord(node=node.name, runtime=node.runtime)
        return Row(
            told=told, state=state, note=", ".join(notes), selected=selected, ready=node.ready
        )
    if not selected and lease.state != State.REMOVED:
        notes.append("no longer selected, not put back")
    state = lease.state
    if lease.state != State.REMOVED and _is_silent(lease, now):
        state = SILENT
        notes.append(f"last said {lease.state or 'nothing'}")
    return Row(
        told=lease,
        state=state or SILENT,
        note=", ".join(notes),
        selected=selected,
        ready=node.ready,
    )


def _is_silent(lease: LeaseRecord, now: datetime) -> bool:
    return lease.renewed is None or now - lease.renewed > lease.duration
