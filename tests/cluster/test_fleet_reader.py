"""The fleet as the API server has it: in pages, and whatever its objects look like."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cluster import leadership
from agent.cluster.fleet_reader import DAEMON_SETS, NODES, FleetReader
from agent.cluster.leases import LEASES, NodeLeases
from agent.cluster.listing import PAGE
from agent.cluster.node_identity import NodeIdentity
from agent.errors import ClusterTrouble, Reason
from agent.planning.fleet import Fleet
from agent.planning.node_state import NodeState, State, node_state
from tests.anchors import NOW, trust_sha256
from tests.cluster.fake_api import FakeApi, Object, refusal
from tests.fakes import FakeClock
from tests.worlds import converged

OK = NodeState(state=State.OK, reason=None, runtime="containerd 2.1.9", version="1.0")
HELD = NodeState(state=State.HELD, reason=Reason.HELD, runtime="containerd 2.1.9", version="1.0")
LINUX = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def node(name: str, *, ready: str = "True", labels: dict[str, str] | None = None) -> Object:
    return {
        "metadata": {"name": name, "labels": LINUX if labels is None else labels},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "nodeInfo": {"containerRuntimeVersion": "containerd://2.1.9"},
        },
    }


def daemon_set(*values: str) -> Object:
    term = {
        "matchExpressions": [
            {"key": "kubernetes.io/os", "operator": "In", "values": list(values)},
        ]
    }
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"spec": {"template": {"spec": {"affinity": {"nodeAffinity": required}}}}}


def with_nodes(*nodes: Object) -> FakeApi:
    return FakeApi(objects={f"{NODES}/{item['metadata']['name']}": item for item in nodes})


def say(api: FakeApi, name: str, state: NodeState = OK) -> None:
    NodeLeases(api).create(NodeIdentity(name=name, uid=""), state, now=NOW)


def read(api: FakeApi) -> Fleet:
    return FleetReader(api, FakeClock(NOW + timedelta(minutes=1))).read()


def test_nodes_and_leases_meet_in_one_table() -> None:
    api = with_nodes(node("node-1"), node("node-2"), node("node-3", ready="Unknown"))
    say(api, "node-1")
    say(api, "node-2", HELD)
    rows = read(api).rows
    assert [(row.node, row.state, row.told.reason, row.told.runtime, row.note) for row in rows] == [
        ("node-3", "no-agent", "", "containerd 2.1.9", "node not ready"),
        ("node-2", "held", "held", "containerd 2.1.9", ""),
        ("node-1", "ok", "", "containerd 2.1.9", ""),
    ]


def test_what_a_node_trusts_and_pulls_by_is_told() -> None:
    api = with_nodes(node("node-1"))
    say(api, "node-1", node_state(converged().run(), version="1.0"))
    [row] = read(api).rows
    assert row.told.trust == (trust_sha256(1),)
    assert len(row.told.config_sha256) == 64


def test_five_hundred_nodes_come_in_pages() -> None:
    names = [f"node-{number:03}" for number in range(5 * PAGE)]
    api = with_nodes(*map(node, names))
    for name in names[: 3 * PAGE]:
        say(api, name)
    assert read(api).totals == {"no-agent": 2 * PAGE, "ok": 3 * PAGE}
    assert (api.count("get", NODES), api.count("get", LEASES)) == (5, 3)


def test_other_leases_here_are_nobodys_state() -> None:
    api = with_nodes(node("node-1"))
    say(api, "node-1")
    api.objects[f"{LEASES}/trust-controller"] = {"metadata": {"name": "trust-controller"}}
    assert len(read(api).rows) == 1


def test_a_node_that_no_daemonset_selects_needs_no_agent() -> None:
    api = with_nodes(node("node-1"), node("node-2", labels={"kubernetes.io/os": "windows"}))
    api.objects[f"{DAEMON_SETS}/registry-node-agent"] = daemon_set("linux")
    assert read(api).totals == {"no-agent": 1, "not-selected": 1}


def test_whom_a_daemonset_selects_may_be_hidden() -> None:
    api = with_nodes(node("node-1"))
    api.failing[DAEMON_SETS] = refusal(403)
    assert read(api).totals == {"no-agent": 1}


@pytest.mark.parametrize("path", [NODES, LEASES, DAEMON_SETS])
def test_what_else_is_refused_is_told(path: str) -> None:
    api = with_nodes(node("node-1"))
    api.failing[path] = refusal(500)
    with pytest.raises(ClusterTrouble, match="the fake refuses"):
        read(api)


@given(json, json, json, json)
def test_odd_objects_break_nothing(
    first: object, second: object, third: object, it: object
) -> None:
    api = with_nodes(node("node-1"))
    say(api, "node-1")
    lease = api.objects[f"{LEASES}/node-node-1"]
    api.objects[f"{LEASES}/node-node-1"] = {
        "metadata": {"name": "node-node-1", "labels": first, "annotations": second},
        "spec": third,
    }
    api.objects[f"{LEASES}/odd"] = it if isinstance(it, dict) else {"metadata": it}
    api.objects[f"{NODES}/node-2"] = {"metadata": {"name": "node-2", "labels": it}, "status": first}
    api.objects[f"{DAEMON_SETS}/odd"] = {"spec": {"template": {"spec": it}}}
    assert {row.node for row in read(api).rows} == {"node-1", "node-2"}
    assert lease


def test_where_the_trust_controller_is_stands_in_its_lease() -> None:
    api = with_nodes(node("a"))
    assert read(api).trust == ""
    told = {"metadata": {"annotations": {leadership.PROGRESS: "steady"}}}
    api.objects[leadership.PATH] = told
    assert read(api).trust == "steady"


def test_where_the_trust_controller_is_may_be_hidden() -> None:
    api = with_nodes(node("a"))
    api.failing[leadership.PATH] = refusal(403)
    assert read(api).trust == ""
