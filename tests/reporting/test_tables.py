"""The fleet as it is printed, for people and for programs."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planning.fleet import NO_AGENT, SILENT, Fleet, LeaseRecord, Row
from agent.reporting.tables import NAMES_SHOWN, age, fleet_json, fleet_lines, table_lines
from tests.anchors import NOW

FLEET = Fleet(
    now=NOW,
    rows=(
        Row(
            state=SILENT,
            told=LeaseRecord(node="node-3", renewed=NOW - timedelta(hours=2)),
            note="last said ok",
        ),
        Row(state=NO_AGENT, told=LeaseRecord(node="node-10", runtime="containerd 2.1.9")),
        Row(
            state="ok",
            told=LeaseRecord(
                node="node-1",
                state="ok",
                runtime="containerd 2.1.9",
                version="0.2.0",
                trust=("d0645e13fa57" + "0" * 52,),
                config_sha256="77a01bb6c3d2" + "0" * 52,
                renewed=NOW - timedelta(seconds=40),
            ),
        ),
    ),
)


def test_a_fleet_is_a_table_its_totals_and_the_names_of_those_that_say_nothing() -> None:
    *table, totals, silent, without = fleet_lines(FLEET)
    assert [" ".join(line.split()) for line in table] == [
        "NODE STATE REASON RUNTIME VERSION TRUST CONFIG SEEN NOTE",
        "node-3 silent - - - - - 2h last said ok",
        "node-10 no-agent - containerd 2.1.9 - - - -",
        "node-1 ok - containerd 2.1.9 0.2.0 d0645e13fa57 77a01bb6c3d2 40s",
    ]
    assert totals == "nodes: 3 (1 silent, 1 no-agent, 1 ok)"
    assert (silent, without) == ("gone silent: node-3", "no agent: node-10")


def test_of_a_fleet_that_is_larger_than_the_screen_the_worst_are_shown() -> None:
    _, worst, more, *_ = fleet_lines(FLEET, most_rows=1)
    assert worst.startswith("node-3")
    assert more == "... and 2 more"


def test_a_fleet_tells_where_the_trust_controller_is() -> None:
    told = replace(FLEET, trust="staged: 1 of 3 nodes have the next CA")
    assert "trust: staged: 1 of 3 nodes have the next CA" in list(fleet_lines(told))
    assert json.loads(fleet_json(told))["trust"] == told.trust


def test_a_fleet_of_nobody_says_so() -> None:
    assert list(fleet_lines(Fleet(rows=(), now=NOW)))[1:] == ["nodes: 0"]


def test_a_long_list_of_names_is_cut() -> None:
    nodes = (LeaseRecord(node=f"n{number}") for number in range(NAMES_SHOWN + 5))
    rows = tuple(Row(state=NO_AGENT, told=node) for node in nodes)
    last = list(fleet_lines(Fleet(rows=rows, now=NOW)))[-1]
    assert last.startswith("no agent: n0, n1, ")
    assert last.endswith(" and 5 more")


def test_json_says_the_same() -> None:
    told = json.loads(fleet_json(FLEET))
    assert [item["node"] for item in told["nodes"]] == ["node-3", "node-10", "node-1"]
    assert told["totals"] == {"silent": 1, "no-agent": 1, "ok": 1}
    assert told["nodes"][2]["trust_sha256"] == ["d0645e13fa57" + "0" * 52]
    assert told["nodes"][1]["renewed"] is None


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (200000, "2d")],
)
def test_an_age_has_one_unit(seconds: int, told: str) -> None:
    assert age(timedelta(seconds=seconds)) == told


@given(st.lists(st.tuples(st.text("ab"), st.text("ab"), st.text("ab")), min_size=1))
def test_every_cell_of_a_column_begins_at_one_place(cells: list[tuple[str, str, str]]) -> None:
    second = max(len(row[0]) for row in cells) + 3
    third = second + max(len(row[1]) for row in cells) + 3
    for row, line in zip(cells, table_lines(cells), strict=True):
        padded = line.ljust(third)
        assert (padded[:second].rstrip(), padded[second:third].rstrip()) == row[:2]
        assert padded[third:] == row[2]
