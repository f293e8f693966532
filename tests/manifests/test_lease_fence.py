"""Which Leases an agent may write: its own node's, and turns for its own node. RBAC cannot say so.

Each refusal is tried with the rights of the manifests, and again with every right there is: then
nothing but the admission policy stands in the way.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.objects import Document
from tests.manifests.cluster import AGENT, OTHER, OWN, TURNS, Cluster
from tests.manifests.test_rights import ROLE

pytestmark = [pytest.mark.realcluster, pytest.mark.usefixtures("_rights")]

TURN = "restart-0"


@pytest.fixture(scope="module", params=["the rights of the manifests", "every right"])
def _rights(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[None]:
    if request.param == "the rights of the manifests":
        yield
        return
    account = {"kind": "ServiceAccount", "name": AGENT, "namespace": AGENT}
    cluster.kubectl.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "every-right"},
            "roleRef": ROLE,
            "subjects": [account],
        }
    )
    yield
    cluster.kubectl("delete", "clusterrolebinding", "every-right")


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
        "spec": {},
    }


def owner(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "name": name, "uid": "a-uid"}


def turn(api: Api) -> dict[str, Any]:
    return dict(api.get(f"{leases(TURNS)}/{TURN}"))


def hold(api: Api, holder: str) -> Document:
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


def test_it_writes_the_lease_of_its_own_node(cluster: Cluster, agent: Api) -> None:
    uid = cluster.kubectl.get("node", OWN)["metadata"]["uid"]
    owned = [owner("Node", OWN) | {"uid": uid}]  # garbage, if it were the wrong one
    made = lease(f"node-{OWN}", ownerReferences=owned, labels={"state": "ok"})
    agent.create(leases(AGENT), made)
    path = f"{leases(AGENT)}/node-{OWN}"
    agent.patch(path, {"metadata": {"labels": {"state": "held"}}})
    now = dict(agent.get(path))
    agent.update(path, {**now, "spec": {"holderIdentity": OWN}})


def test_it_takes_a_turn_for_its_own_node_and_frees_it(agent: Api) -> None:
    hold(agent, OWN)
    marked = turn(agent)
    marked["metadata"]["annotations"] = {"phase": "verifying"}
    agent.update(f"{leases(TURNS)}/{TURN}", marked)
    hold(agent, "")


def test_it_does_not_write_the_lease_of_another_node(agent: Api, other_agent: Api) -> None:
    other_agent.create(leases(AGENT), lease(f"node-{OTHER}"))
    path = f"{leases(AGENT)}/node-{OTHER}"
    patch = {"metadata": {"labels": {"state": "ok"}}}
    assert f"only the Lease node-{OWN}" in refusal(agent.patch, path, patch)
    assert f"only the Lease node-{OWN}" in refusal(agent.update, path, dict(agent.get(path)))


@pytest.mark.parametrize("name", [f"node-{OTHER}", "node-no-such-node", OWN])
def test_it_makes_no_lease_of_another_name(agent: Api, name: str) -> None:
    assert f"only the Lease node-{OWN}" in refusal(agent.create, leases(AGENT), lease(name))


@pytest.mark.parametrize("kind", ["Node", "Pod"])
def test_its_lease_gets_no_other_owner(agent: Api, kind: str) -> None:
    owned = lease(f"node-{OWN}", ownerReferences=[owner(kind, OTHER)])
    assert "owned by that Node only" in refusal(agent.create, leases(AGENT), owned)


def test_it_does_not_even_delete_its_own_lease(cluster: Cluster, agent: Api) -> None:
    agent.create(leases(AGENT), lease(f"node-{OWN}"))
    for what in (f"lease/node-{OWN}", "leases --all"):
        tried = cluster.as_agent().call("delete", *what.split(), f"--namespace={AGENT}")
        assert tried.returncode == 1
        assert "orbidden" in tried.stderr
    agent.get(f"{leases(AGENT)}/node-{OWN}")


def test_it_makes_no_turn(agent: Api) -> None:
    refusal(agent.create, leases(TURNS), lease("restart-1"))


def test_it_makes_no_turn_by_updating_one_that_is_not_there(agent: Api) -> None:
    refusal(agent.update, f"{leases(TURNS)}/restart-1", lease("restart-1"))


@pytest.mark.parametrize("holder", [OTHER, "no-such-node", f"{OWN} "])
def test_it_takes_no_turn_for_somebody_else(agent: Api, holder: str) -> None:
    assert f"for the own node only, which is {OWN}" in refusal(hold, agent, holder)


@pytest.mark.parametrize("holder", [OWN, ""])
def test_it_leaves_a_turn_that_another_node_holds(
    agent: Api, other_agent: Api, holder: str
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
    ],
    ids=lambda change: next(iter(change)),
)
def test_it_does_not_change_what_a_turn_is(agent: Api, change: dict[str, Any]) -> None:
    now = turn(agent)
    changed = {**now, "metadata": {**now["metadata"], **change}}
    said = refusal(agent.update, f"{leases(TURNS)}/{TURN}", changed)
    assert "not the agent's to change" in said


def test_a_token_that_no_pod_has_writes_none(unbound_agent: Api) -> None:
    said = refusal(unbound_agent.create, leases(AGENT), lease(f"node-{OWN}"))
    assert "the token names no node" in said


def test_it_writes_no_lease_in_another_namespace(agent: Api) -> None:
    refusal(agent.create, leases("kube-node-lease"), lease(f"node-{OWN}"))


def test_nobody_else_is_fenced_in(cluster: Cluster) -> None:
    for namespace, name in ((AGENT, f"node-{OTHER}"), (TURNS, "restart-1")):
        cluster.kubectl.apply(lease(name, namespace=namespace))
        cluster.kubectl("delete", "lease", name, f"--namespace={namespace}")
