"""Of which objects an agent may tell: of its own Node only, in its own name, and once.

Each refusal is tried with the rights of the manifests, and again with every right there is.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.events import CONTROLLER
from tests.manifests.cluster import OTHER, OWN, AgentApi, Cluster

pytestmark = [pytest.mark.realcluster, pytest.mark.usefixtures("rights")]

EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
ONLY_OWN = f"tells only of Node {OWN}"
FOREVER = {"finalizers": ["example.com/forever"]}
OWNED = {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": OTHER, "uid": "a-uid"}]}


def new_name() -> str:
    return f"registry-node-agent.{uuid.uuid4()}"


def event(**regarding: str) -> dict[str, Any]:
    """One about the own Node, but for what is said of it here."""
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": new_name()},
        "eventTime": "2026-11-22T10:00:00.000000Z",
        "reportingController": CONTROLLER,
        "reportingInstance": OWN,
        "action": "Reported",
        "reason": "RegistryInSync",
        "type": "Normal",
        "regarding": {"apiVersion": "v1", "kind": "Node", "name": OWN, **regarding},
        "note": "all is well",
    }


def refusal(agent: AgentApi, body: Mapping[str, Any], *, path: str = EVENTS) -> str:
    """What the API server says against making it."""
    with pytest.raises(ApiRefusedError) as refused:
        agent.create(path, body)
    assert refused.value.status == 403
    return refused.value.message


def test_it_tells_of_its_own_node(cluster: Cluster, agent: AgentApi) -> None:
    uid = cluster.kubectl.get("node", OWN)["metadata"]["uid"]
    agent.create(EVENTS, event(uid=uid))
    agent.create(EVENTS, event(uid=OWN))
    agent.create(EVENTS, event())


@pytest.mark.parametrize(
    "regarding",
    [
        {"name": OTHER},
        {"kind": "Pod"},
        {"name": ""},
        {"apiVersion": "evil/v1"},
        {"uid": OTHER},
        {"uid": "a-uid"},
    ],
    ids=str,
)
def test_it_tells_of_nothing_else(agent: AgentApi, regarding: dict[str, str]) -> None:
    assert ONLY_OWN in refusal(agent, event(**regarding))


def test_nor_by_the_events_of_the_core_group(agent: AgentApi) -> None:
    core = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": new_name()},
        "reportingComponent": CONTROLLER,
        "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": OTHER},
    }
    said = refusal(agent, core, path="/api/v1/namespaces/default/events")
    assert ONLY_OWN in said or "cannot create" in said


def test_it_tells_of_nothing_besides(agent: AgentApi) -> None:
    related = {"apiVersion": "v1", "kind": "Node", "name": OTHER}
    assert ONLY_OWN in refusal(agent, event() | {"related": related})


@pytest.mark.parametrize(
    "somebody_elses",
    [
        {"reportingController": "kubelet"},
        {"metadata": {"name": f"{OWN}.17a2b3c4d5e6f708"}},
        {"metadata": {"generateName": f"{OWN}-"}},
    ],
    ids=str,
)
def test_it_tells_in_no_other_name(agent: AgentApi, somebody_elses: dict[str, Any]) -> None:
    assert "under its own name only" in refusal(agent, event() | somebody_elses)


@pytest.mark.parametrize("metadata", [FOREVER, OWNED], ids=lambda metadata: next(iter(metadata)))
def test_its_event_has_no_finalizers_and_no_owners(
    agent: AgentApi, metadata: dict[str, Any]
) -> None:
    named = {"name": new_name(), **metadata}
    assert "no finalizers and no owners" in refusal(agent, event() | {"metadata": named})


@pytest.mark.parametrize("by", [CONTROLLER, "kubelet"])
def test_it_changes_and_deletes_no_event(cluster: Cluster, agent: AgentApi, by: str) -> None:
    told = event() | {"reportingController": by}
    cluster.kubectl.apply(told)
    name = told["metadata"]["name"]
    path = f"{EVENTS}/{name}"
    with pytest.raises(ApiRefusedError, match=r"changes and deletes no Event|cannot patch"):
        agent.patch(path, {"series": None})
    tried = cluster.as_agent().call("delete", f"--raw={path}")
    assert tried.returncode == 1
    assert "changes and deletes no Event" in tried.stderr or "cannot delete" in tried.stderr
    cluster.kubectl.get("event", name, "--namespace=default")


def test_a_token_that_no_pod_has_tells_nothing(unbound_agent: AgentApi) -> None:
    assert "the token names no node" in refusal(unbound_agent, event())
