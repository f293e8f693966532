"""An API server with one Node and its agent's account: the one in memory, and a real one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from agent.cluster.api import Api
from agent.cluster.connection import Connection, Kubeconfig
from agent.cluster.leases import LEASES, NAMESPACE
from tests.cluster.fake_api import FakeApi
from tests.ground.control_plane import ControlPlane
from tests.ground.kubectl import Object

ACCOUNT = "registry-node-agent"
KINDS = ["fake", pytest.param("real", marks=pytest.mark.realcluster)]

_RIGHTS = {
    NAMESPACE: ("coordination.k8s.io", "leases", ["get", "create", "patch"]),
    "default": ("events.k8s.io", "events", ["create"]),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeApi:
    """The agent's own way to the API server, the Node it is bound to, and what an admin sees."""

    api: Any
    node: str
    uid: str
    lease: Any
    delete_lease: Any


@contextmanager
def of_kind(kind: str, request: pytest.FixtureRequest) -> Iterator[NodeApi]:
    """`fake`, or `real`: then with a Node of its own, on the session's control plane."""
    if kind == "fake":
        yield in_memory(FakeApi())
        return
    plane: ControlPlane = request.getfixturevalue("control_plane")
    with real(plane, node=f"node-{os.urandom(4).hex()}") as made:
        yield made


def in_memory(api: FakeApi) -> NodeApi:
    path = f"{LEASES}/node-{api.node}"
    return NodeApi(
        api=api,
        node=api.node,
        uid=api.uid,
        lease=lambda: api.objects[path],
        delete_lease=lambda: api.objects.pop(path),
    )


@contextmanager
def real(plane: ControlPlane, *, node: str) -> Iterator[NodeApi]:
    prepare(plane)
    plane.kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    kubeconfig = plane.write_service_account_kubeconfig(NAMESPACE, ACCOUNT, node=node)
    connection = Connection(Kubeconfig(kubeconfig), user_agent="registry-node-agent/test")
    name = ("lease", f"node-{node}", "-n", NAMESPACE)
    try:
        yield NodeApi(
            api=Api(connection),
            node=node,
            uid=plane.kubectl.get("node", node)["metadata"]["uid"],
            lease=lambda: plane.kubectl.get(*name),
            delete_lease=lambda: plane.kubectl("delete", *name),
        )
    finally:
        connection.close()
        plane.kubectl("delete", "node", node, "--ignore-not-found")


def prepare(plane: ControlPlane) -> None:
    """The namespace, the account, and what it may do about state."""
    plane.kubectl.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": NAMESPACE},
        },
    )
    for namespace, (group, resource, verbs) in _RIGHTS.items():
        plane.kubectl.apply(*_role(namespace, group, resource, verbs))


def _role(namespace: str, group: str, resource: str, verbs: list[str]) -> Iterator[Object]:
    version = "rbac.authorization.k8s.io/v1"
    metadata = {"name": f"{ACCOUNT}-{resource}", "namespace": namespace}
    yield {
        "apiVersion": version,
        "kind": "Role",
        "metadata": metadata,
        "rules": [{"apiGroups": [group], "resources": [resource], "verbs": verbs}],
    }
    yield {
        "apiVersion": version,
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": metadata["name"],
        },
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
