"""Which Leases an agent may write: its own node's, and turns for its own node. RBAC cannot say so.

Each refusal is tried with the rights of the manifests, and again with every right there is: then
nothing but the admission policy stands in the way.
"""

import json
from typing import Any

import pytest

from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.objects import Document
from tests.ground.namespaces import wait_until
from tests.manifests.cluster import AGENT, OTHER, OWN, TURNS, AgentApi, Cluster

pytestmark = [pytest.mark.realcluster, pytest.mark.usefixtures("rights")]

TURN = "restart-0"
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture(autouse=True)
def _leases_as_deployed(cluster: Cluster) -> None:
    cluster.kubectl("delete", "leases", "--all", f"--namespace={AGENT}")
    free = json.dumps([{"op": "add", "path": "/spec", "value": {}}])
    cluster.kubectl(
        "patch", "lease", TURN, f"--namespace={TURNS}", "--type=json", f"--patch={free}"
    )


def leases(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def lease(name: str, **metadata: object) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, **metadata},
        "spec": {"holderIdentity": name.removeprefix("node-")},
    }


def owner(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "name": name, "uid": "a-uid"}


def true_owner(cluster: Cluster) -> dict[str, Any]:
    return owner("Node", OWN) | {"uid": cluster.kubectl.get("node", OWN)["metadata"]["uid"]}


def turn(api: AgentApi) -> dict[str, Any]:
    return dict(api.get(f"{leases(TURNS)}/{TURN}"))


def hold(api: AgentApi, holder: str) -> Document:
    """Take, or with "" free, the turn."""
    now = turn(api)
    return api.update(
        f"{leases(TURNS)}/{TURN}", {**now, "spec": {**now["spec"], "holderIdentity": holder}}
    )


def refusal(attempt: Any, *arguments: object) -> str:
    """What the API server says against it."""
    with pytest.raises(ApiRefusedError) as refused:
        attempt(*arguments)
    assert refused.value.status == 403
    return refused.value.message


def test_it_writes_the_lease_of_its_own_node(cluster: Cluster, agent: AgentApi) -> None:
    owned = [true_owner(cluster)]
    made = lease(f"node-{OWN}", ownerReferences=owned, labels={"state": "ok"})
    agent.create(leases(AGENT), made)
    agent.patch(f"{leases(AGENT)}/node-{OWN}", {"metadata": {"labels": {"state": "held"}}})


def test_it_takes_a_turn_for_its_own_node_and_frees_it(agent: AgentApi) -> None:
    hold(agent, OWN)
    marked = turn(agent)
    marked["metadata"]["annotations"]["phase"] = "verifying"
    agent.update(f"{leases(TURNS)}/{TURN}", marked)
    hold(agent, "")


def test_it_does_not_write_the_lease_of_another_node(
    agent: AgentApi, other_agent: AgentApi
) -> None:
    other_agent.create(leases(AGENT), lease(f"node-{OTHER}"))
    path = f"{leases(AGENT)}/node-{OTHER}"
    patch = {"metadata": {"labels": {"state": "ok"}}}
    assert f"only the Lease node-{OWN}" in refusal(agent.patch, path, patch)
    refusal(agent.update, path, dict(agent.get(path)))


@pytest.mark.parametrize("name", [f"node-{OTHER}", "node-no-such-node", OWN])
def test_it_makes_no_lease_of_another_name(agent: AgentApi, name: str) -> None:
    assert f"only the Lease node-{OWN}" in refusal(agent.create, leases(AGENT), lease(name))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": OTHER},
        {"kind": "Pod"},
        {"uid": "a-uid"},
        {"apiVersion": "evil/v1"},
        {"blockOwnerDeletion": True},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_its_lease_gets_no_other_owner(
    cluster: Cluster, agent: AgentApi, wrong: dict[str, Any]
) -> None:
    owners = [true_owner(cluster), true_owner(cluster) | wrong]
    owned = lease(f"node-{OWN}", ownerReferences=owners)
    assert "owned by that Node only" in refusal(agent.create, leases(AGENT), owned)
    agent.create(leases(AGENT), lease(f"node-{OWN}"))
    patch = {"metadata": {"ownerReferences": owners}}
    said = refusal(agent.patch, f"{leases(AGENT)}/node-{OWN}", patch)
    assert "owned by that Node only" in said


def test_a_lease_whose_owner_has_a_wrong_uid_would_be_collected(cluster: Cluster) -> None:
    owned = lease("node-x", namespace=AGENT, ownerReferences=[owner("Node", OWN)])
    cluster.kubectl.apply(owned)
    name = ("lease", "node-x", f"--namespace={AGENT}")
    wait_until(
        lambda: cluster.kubectl.call("get", *name).returncode, what="it is collected", seconds=60
    )


def test_its_lease_gets_no_finalizer(agent: AgentApi) -> None:
    forever = {"finalizers": ["example.com/forever"]}
    said = refusal(agent.create, leases(AGENT), lease(f"node-{OWN}", **forever))
    assert "finalizers" in said
    agent.create(leases(AGENT), lease(f"node-{OWN}"))
    said = refusal(agent.patch, f"{leases(AGENT)}/node-{OWN}", {"metadata": forever})
    assert "finalizers" in said


def test_what_somebody_else_puts_onto_its_lease_does_not_hinder_it(
    cluster: Cluster, agent: AgentApi
) -> None:
    agent.create(leases(AGENT), lease(f"node-{OWN}"))
    owners = [true_owner(cluster) | {"blockOwnerDeletion": True}]
    metadata = {"finalizers": ["example.com/backup"], "ownerReferences": owners}
    name = ("lease", f"node-{OWN}", f"--namespace={AGENT}", "--type=merge")
    cluster.kubectl("patch", *name, f"--patch={json.dumps({'metadata': metadata})}")
    agent.patch(f"{leases(AGENT)}/node-{OWN}", {"metadata": {"labels": {"state": "held"}}})
    free = json.dumps({"metadata": {"finalizers": None}})
    cluster.kubectl("patch", *name, f"--patch={free}")


@pytest.mark.parametrize("holder", [OTHER, ""])
def test_its_lease_names_no_other_holder(agent: AgentApi, holder: str) -> None:
    held = {**lease(f"node-{OWN}"), "spec": {"holderIdentity": holder}}
    assert "held by that node" in refusal(agent.create, leases(AGENT), held)


def test_it_does_not_even_delete_its_own_lease(cluster: Cluster, agent: AgentApi) -> None:
    agent.create(leases(AGENT), lease(f"node-{OWN}"))
    for what in (f"lease/node-{OWN}", "leases --all"):
        tried = cluster.as_agent().call("delete", *what.split(), f"--namespace={AGENT}")
        assert tried.returncode == 1
        assert "orbidden" in tried.stderr
    agent.get(f"{leases(AGENT)}/node-{OWN}")


def test_it_makes_no_turn(agent: AgentApi) -> None:
    refusal(agent.create, leases(TURNS), lease("restart-1"))


def test_it_makes_no_turn_by_updating_one_that_is_not_there(agent: AgentApi) -> None:
    refusal(agent.update, f"{leases(TURNS)}/restart-1", lease("restart-1"))


@pytest.mark.parametrize("holder", [OTHER, "no-such-node", f"{OWN} "])
def test_it_takes_no_turn_for_somebody_else(agent: AgentApi, holder: str) -> None:
    assert f"for the own node only, which is {OWN}" in refusal(hold, agent, holder)


@pytest.mark.parametrize("holder", [OWN, ""])
def test_it_leaves_a_turn_that_another_node_holds(
    agent: AgentApi, other_agent: AgentApi, holder: str
) -> None:
    hold(other_agent, OTHER)
    assert f"the turn is held by {OTHER}" in refusal(hold, agent, holder)
    assert turn(agent)["spec"]["holderIdentity"] == OTHER


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"app": "other"}},
        {"finalizers": ["example.com/forever"]},
        {"ownerReferences": [owner("Node", "gone")]},
        {"annotations": {APPLIED: "garbage"}},
        {"annotations": {}},
    ],
    ids=str,
)
def test_it_does_not_change_what_a_turn_is_not_even_as_its_holder(
    agent: AgentApi, change: dict[str, Any]
) -> None:
    hold(agent, OWN)
    now = turn(agent)
    changed = {**now, "metadata": {**now["metadata"], **change}}
    said = refusal(agent.update, f"{leases(TURNS)}/{TURN}", changed)
    assert "not the agent's to change" in said


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("spec", {"leaseTransitions": 7}),
        ("spec", {"renewTime": "2026-11-22T10:00:00.000000Z"}),
        ("metadata", {"annotations": {"note": "garbage"}}),
    ],
    ids=str,
)
def test_it_writes_nothing_onto_a_turn_that_it_does_not_take(
    agent: AgentApi, part: str, change: dict[str, Any]
) -> None:
    now = turn(agent)
    changed = {**now, part: {**now[part], **change}}
    if part == "metadata":
        changed[part]["annotations"] |= now[part]["annotations"]
    said = refusal(agent.update, f"{leases(TURNS)}/{TURN}", changed)
    assert "only who takes, holds or frees a turn" in said


def test_a_token_that_no_pod_has_writes_none(unbound_agent: AgentApi) -> None:
    said = refusal(unbound_agent.create, leases(AGENT), lease(f"node-{OWN}"))
    assert "the token names no node" in said


def test_it_writes_no_lease_in_another_namespace(agent: AgentApi) -> None:
    refusal(agent.create, leases("kube-node-lease"), lease(f"node-{OWN}"))


def test_nobody_else_is_fenced_in(cluster: Cluster) -> None:
    for namespace, name in ((AGENT, f"node-{OTHER}"), (TURNS, "restart-1")):
        cluster.kubectl.apply(lease(name, namespace=namespace))
        cluster.kubectl("delete", "lease", name, f"--namespace={namespace}")
