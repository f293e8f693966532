"""What stands on the API server: the registry's Service, the bundle, and who may look at them."""

from tests.bench.scale.names import ADDRESS, BUNDLE, LABEL, SERVICE, USER
from tests.ground.kubectl import Object

NAMESPACES = ("registry", "registry-trust", "registry-node-agent")
_RIGHTS = {
    "registry": ("", "services", ["list", "watch"]),
    "registry-trust": ("", "configmaps", ["list", "watch"]),
    "registry-node-agent": ("coordination.k8s.io", "leases", ["get", "create", "patch"]),
    "default": ("events.k8s.io", "events", ["create", "patch"]),
}


def all_objects(*, bundle_pem: str, port: int) -> list[Object]:
    """In an order in which they can be created."""
    return [
        *(_object("v1", "Namespace", name) for name in NAMESPACES),
        _object("v1", "ServiceAccount", USER, "registry-node-agent"),
        *(item for namespace in _RIGHTS for item in _role(namespace)),
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


def _role(namespace: str) -> list[Object]:
    group, resource, verbs = _RIGHTS[namespace]
    rbac = "rbac.authorization.k8s.io"
    role = _object(f"{rbac}/v1", "Role", USER, namespace)
    role["rules"] = [{"apiGroups": [group], "resources": [resource], "verbs": verbs}]
    binding = _object(f"{rbac}/v1", "RoleBinding", USER, namespace)
    binding["roleRef"] = {"apiGroup": rbac, "kind": "Role", "name": USER}
    binding["subjects"] = [
        {"kind": "ServiceAccount", "name": USER, "namespace": "registry-node-agent"}
    ]
    return [role, binding]


def _object(version: str, kind: str, name: str, namespace: str = "") -> Object:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
