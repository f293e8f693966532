"""What stands on the API server: the registry's Service, the bundle, and who may look at them."""

from tests.bench.scale.names import ADDRESS, AGENT, BUNDLE, LABEL, SERVICE, SIMULATED
from tests.ground.kubectl import Object

_RIGHTS = {
    "registry": "registry-node-agent-services",
    "registry-trust": "registry-node-agent-trust-bundle",
    AGENT: "registry-node-agent-state",
    "default": "registry-node-agent-events",
}
"""The Roles of the deployed agent, by namespace."""


def all_objects(*, bundle_pem: str, port: int) -> list[Object]:
    """In an order in which they can be created, after `deploy/base`."""
    return [
        _object("v1", "ServiceAccount", SIMULATED, AGENT),
        *(_binding(namespace, role) for namespace, role in _RIGHTS.items()),
        service(port=port),
        _object("v1", "ConfigMap", BUNDLE, "registry-trust") | {"data": {"ca.crt": bundle_pem}},
    ]


def service(*, port: int) -> Object:
    """The registry's Service."""
    made = _object("v1", "Service", SERVICE, "registry")
    made["metadata"]["labels"] = {LABEL: "true"}
    return made | {"spec": {"clusterIP": ADDRESS, "ports": ports(port)}}


def ports(port: int) -> list[Object]:
    """The one port of the Service: what tells one state of it from another here."""
    return [{"name": "https", "port": port, "protocol": "TCP"}]


def node(name: str) -> Object:
    """A Node, for a token to be bound to."""
    return _object("v1", "Node", name)


def _binding(namespace: str, role: str) -> Object:
    """Let simulated nodes do what an agent may; whose Lease is whose nobody asks them."""
    rbac = "rbac.authorization.k8s.io"
    binding = _object(f"{rbac}/v1", "RoleBinding", SIMULATED, namespace)
    binding["roleRef"] = {"apiGroup": rbac, "kind": "Role", "name": role}
    binding["subjects"] = [{"kind": "ServiceAccount", "name": SIMULATED, "namespace": AGENT}]
    return binding


def _object(version: str, kind: str, name: str, namespace: str = "") -> Object:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
