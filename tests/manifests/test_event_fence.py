"""Of which objects an agent may tell: of its own Node only."""

from typing import Any

import pytest

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from tests.manifests.cluster import AGENT, OTHER, OWN, Cluster

pytestmark = pytest.mark.realcluster

NAMESPACE = "--namespace=default"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"


def event(name: str, *, node: str, kind: str = "Node") -> dict[str, Any]:
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name},
        "eventTime": "2026-11-22T10:00:00.000000Z",
        "reportingController": "registry-node-agent.internal/agent",
        "reportingInstance": OWN,
        "action": "Reported",
        "reason": "RegistryInSync",
        "type": "Normal",
        "regarding": {"apiVersion": "v1", "kind": kind, "name": node},
        "note": "all is well",
    }


def test_it_tells_of_its_own_node_and_counts_on(agent: Api) -> None:
    agent.create(EVENTS, event("own", node=OWN))
    series = {"count": 2, "lastObservedTime": "2026-11-22T10:01:00.000000Z"}
    agent.patch(f"{EVENTS}/own", {"series": series})


@pytest.mark.parametrize(("kind", "name"), [("Node", OTHER), ("Pod", OWN), ("Node", "")])
def test_it_tells_of_nothing_else(agent: Api, kind: str, name: str) -> None:
    with pytest.raises(ApiRefusedError, match=f"tells only of Node {OWN}"):
        agent.create(EVENTS, event("else", node=name, kind=kind))


def test_it_changes_no_event_of_another_node(agent: Api, other_agent: Api) -> None:
    other_agent.create(EVENTS, event("of-other", node=OTHER))
    with pytest.raises(ApiRefusedError, match=f"tells only of Node {OWN}"):
        agent.patch(f"{EVENTS}/of-other", {"series": None})


def test_nor_by_the_events_of_the_core_group_if_it_ever_may(cluster: Cluster, agent: Api) -> None:
    role = ["role", "core-events", NAMESPACE, "--verb=create", "--resource=events"]
    cluster.kubectl("create", *role)
    account = f"--serviceaccount={AGENT}:{AGENT}"
    cluster.kubectl(
        "create", "rolebinding", "core-events", "--role=core-events", account, NAMESPACE
    )
    path = "/api/v1/namespaces/default/events"
    agent.create(path, core_event("core-own", node=OWN))
    with pytest.raises(ApiRefusedError, match=f"tells only of Node {OWN}"):
        agent.create(path, core_event("core-other", node=OTHER))
    cluster.kubectl("delete", "role,rolebinding", "core-events", NAMESPACE)


def core_event(name: str, *, node: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name},
        "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": node},
    }


def test_a_token_that_no_pod_has_tells_nothing(unbound_agent: Api) -> None:
    with pytest.raises(ApiRefusedError, match="the token names no node"):
        unbound_agent.create(EVENTS, event("unbound", node=OWN))


def test_it_deletes_no_event(cluster: Cluster, agent: Api) -> None:
    agent.create(EVENTS, event("to-stay", node=OWN))
    assert cluster.as_agent().call("delete", "event", "to-stay").returncode == 1
    cluster.kubectl.get("event", "to-stay")
