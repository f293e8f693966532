"""The fleet, worst first: every node once, and none that says nothing is taken for well."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.planning.fleet import (
    DEFAULT_DURATION,
    NO_AGENT,
    NO_NODE,
    NOT_SELECTED,
    SILENT,
    Fleet,
    LeaseRecord,
    NodeRecord,
    Row,
    fleet_of,
    rank,
)
from agent.planning.node_selection import Selection
from agent.planning.node_state import State
from tests.anchors import NOW

GPU = Selection(node_selector={"pool": "gpu"})
LATE = DEFAULT_DURATION + timedelta(seconds=1)
names = st.sampled_from(["node-1", "node-2", "node-3", "node-4"])
leases = st.builds(
    LeaseRecord,
    node=names,
    state=st.sampled_from([*State, "of tomorrow", ""]),
    renewed=st.none() | st.timedeltas(timedelta(0), 2 * LATE).map(lambda span: NOW - span),
)
nodes = st.builds(
    NodeRecord,
    name=names,
    ready=st.booleans(),
    labels=st.sampled_from([{}, {"pool": "gpu"}]),
)


def node(name: str = "node-1", *, ready: bool = True, **labels: str) -> NodeRecord:
    return NodeRecord(name=name, ready=ready, runtime="containerd 2.1.9", labels=labels)


def lease(state: str = "ok", name: str = "node-1") -> LeaseRecord:
    return LeaseRecord(node=name, state=state, renewed=NOW)


def fleet(
    found: Iterable[LeaseRecord] = (),
    there: Iterable[NodeRecord] = (),
    selections: Iterable[Selection] = (),
) -> Fleet:
    return fleet_of(leases=found, nodes=there, selections=selections, now=NOW)


def row(*found: LeaseRecord, there: NodeRecord, selections: Iterable[Selection] = ()) -> Row:
    [only] = fleet(found, [there], selections).rows
    return only


class TestOneNode:
    def test_says_what_its_lease_says(self) -> None:
        told = replace(lease("held"), reason="held", runtime="containerd 2.1.9", version="1.0")
        assert row(told, there=node()) == Row(state="held", told=told)

    def test_without_a_lease_has_no_agent(self) -> None:
        found = row(there=node())
        assert (found.state, found.told.runtime) == (NO_AGENT, "containerd 2.1.9")

    def test_without_a_lease_that_no_daemonset_selects_has_nothing_to_have(self) -> None:
        assert row(there=node(), selections=[GPU]).state == NOT_SELECTED
        assert row(there=node(pool="gpu"), selections=[GPU]).state == NO_AGENT

    def test_that_was_not_heard_of_for_as_long_as_its_lease_lasts_is_silent(self) -> None:
        late = replace(lease(), renewed=NOW - LATE)
        assert row(replace(lease(), renewed=NOW - DEFAULT_DURATION), there=node()).state == "ok"
        assert row(late, there=node()).state == SILENT
        assert row(late, there=node()).note == "last said ok"
        assert row(replace(late, duration=2 * LATE), there=node()).state == "ok"

    def test_that_never_said_when_is_silent(self) -> None:
        assert row(replace(lease(), renewed=None), there=node()).state == SILENT

    def test_that_is_not_ready_is_told_to_be(self) -> None:
        told = row(replace(lease(), renewed=NOW - LATE), there=node(ready=False))
        assert told.note == "node not ready, last said ok"

    def test_that_was_put_back_may_be_silent(self) -> None:
        told = row(replace(lease("removed"), renewed=NOW - LATE), there=node(), selections=[GPU])
        assert (told.state, told.note) == ("removed", "")

    def test_that_left_the_selection_and_was_not_put_back_is_told_to_be(self) -> None:
        told = row(lease(), there=node(), selections=[GPU])
        assert (told.state, told.note) == ("ok", "no longer selected, not put back")

    def test_whose_clock_goes_ahead_is_not_silent(self) -> None:
        assert row(replace(lease(), renewed=NOW + LATE), there=node()).state == "ok"

    def test_that_is_gone_leaves_a_lease(self) -> None:
        [told] = fleet([lease()]).rows
        assert (told.state, told.note) == (NO_NODE, "last said ok")


class TestFleet:
    def test_comes_worst_first(self) -> None:
        states = ["ok", "removed", "held", "needs-restart", "refused", "degraded"]
        found = [lease(state, f"node-{state}") for state in states]
        found.append(replace(lease("ok", "node-quiet"), renewed=NOW - LATE))
        there = [node(item.node) for item in found] + [node("node-new")]
        assert [item.state for item in fleet(found, there).rows] == [
            SILENT,
            NO_AGENT,
            *reversed(states),
        ]

    def test_counts(self) -> None:
        found = [lease("ok", "b"), lease("held", "c"), lease("ok", "a")]
        counted = fleet(found, map(node, "abcd"))
        assert list(counted.totals.items()) == [(NO_AGENT, 1), ("held", 1), ("ok", 2)]
        assert counted.names("ok") == ("a", "b")

    def test_of_nobody_is_empty(self) -> None:
        assert fleet().totals == {}

    @given(st.lists(leases), st.lists(nodes), st.lists(st.just(GPU)))
    def test_has_every_node_once_and_in_order(
        self,
        found: list[LeaseRecord],
        there: list[NodeRecord],
        selections: list[Selection],
    ) -> None:
        made = fleet(found, there, selections)
        told = [item.node for item in made.rows]
        assert sorted(told) == sorted({item.node for item in found} | {item.name for item in there})
        ranks = [rank(item.state) for item in made.rows]
        assert ranks == sorted(ranks)
        assert sum(made.totals.values()) == len(told)

    @given(st.lists(leases), st.lists(nodes), st.lists(st.just(GPU)))
    def test_takes_no_node_for_well_that_did_not_say_so_lately(
        self,
        found: list[LeaseRecord],
        there: list[NodeRecord],
        selections: list[Selection],
    ) -> None:
        well = {
            item.node
            for item in found
            if item.state == "ok" and item.renewed and NOW - item.renewed <= item.duration
        }
        assert set(fleet(found, there, selections).names("ok")) <= well
