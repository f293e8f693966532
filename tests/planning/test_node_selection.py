"""Which Nodes a DaemonSet wants, by the scheduler's own rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planning.node_selection import Expression, Selection, Term

LINUX = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "cores": "4"}


@pytest.mark.parametrize(
    ("key", "operator", "values", "holds"),
    [
        ("kubernetes.io/arch", "In", ("amd64", "arm64"), True),
        ("kubernetes.io/arch", "In", ("s390x",), False),
        ("type", "In", ("virtual-kubelet",), False),
        ("type", "NotIn", ("virtual-kubelet",), True),  # absent is not in either
        ("kubernetes.io/os", "NotIn", ("linux",), False),
        ("kubernetes.io/os", "Exists", (), True),
        ("type", "Exists", (), False),
        ("type", "DoesNotExist", (), True),
        ("kubernetes.io/os", "DoesNotExist", (), False),
        ("cores", "Gt", ("3",), True),
        ("cores", "Gt", ("4",), False),
        ("cores", "Lt", ("5",), True),
        ("cores", "Lt", ("4",), False),
        ("type", "Lt", ("4",), False),
        ("kubernetes.io/os", "Gt", ("4",), False),
        ("cores", "Gt", ("3", "2"), False),
        ("cores", "of tomorrow", ("4",), False),
    ],
)
def test_an_operator(key: str, operator: str, values: tuple[str, ...], holds: bool) -> None:
    assert Expression(key=key, operator=operator, values=values).holds(LINUX) is holds


def term(**labels: str) -> Term:
    return Term(
        labels=tuple(
            Expression(key=key, operator="In", values=(value,)) for key, value in labels.items()
        )
    )


def test_all_requirements_of_one_term_have_to_hold_and_one_term_is_enough() -> None:
    labels = {"pool": "a", "zone": "1"}
    assert Selection(terms=(term(pool="a", zone="1"),)).selects("n", labels)
    assert not Selection(terms=(term(pool="a", zone="2"),)).selects("n", labels)
    assert Selection(terms=(term(pool="b"), term(zone="1"))).selects("n", labels)


def test_the_node_selector_has_to_hold_too() -> None:
    selection = Selection(node_selector={"pool": "a"}, terms=(term(zone="1"),))
    assert selection.selects("n", {"pool": "a", "zone": "1"})
    assert not selection.selects("n", {"pool": "b", "zone": "1"})
    assert not selection.selects("n", {"pool": "a", "zone": "2"})


def test_a_field_is_the_nodes_name() -> None:
    by_name = Expression(key="metadata.name", operator="In", values=("node-1",))
    selection = Selection(terms=(Term(fields=(by_name,)),))
    assert selection.selects("node-1", {})
    assert not selection.selects("node-2", {"metadata.name": "node-1"})


@given(st.dictionaries(st.text(), st.text()))
def test_no_affinity_selects_all_and_an_empty_one_nothing(labels: dict[str, str]) -> None:
    assert Selection().selects("n", labels)
    assert not Selection(terms=()).selects("n", labels)
    assert not Selection(terms=(Term(),)).selects("n", labels)
