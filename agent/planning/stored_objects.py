"""Secrets, ConfigMaps, a ClusterTrustBundle as the trust controller keeps them in the cluster.

What is read and what is wanted have the same form, so that one can be compared with the other.
Only what carries our label is ours to write; whatever has one of our names without it is
somebody else's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.errors import BadInput, Problem, Reason

MANAGED_BY = "app.kubernetes.io/managed-by"
OURSELVES = "registry-node-agent"

_SERVICE_CA = (
    "service.beta.openshift.io/originating-service-",
    "service.alpha.openshift.io/originating-service-",
)
"""What OpenShift's service-ca writes on its Secrets (service-ca-operator, pkg/controller/api)."""

OPAQUE, TLS, DOCKER_CONFIG = "Opaque", "kubernetes.io/tls", "kubernetes.io/dockerconfigjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretObject:
    """A Secret. `version` is its resourceVersion, empty for one that is only wanted.

    Never shown with its data, nor with its annotations: `kubectl apply` leaves the data there.
    """

    namespace: str
    name: str
    type: str = OPAQUE
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: str = ""

    def __str__(self) -> str:
        return f"Secret {self.namespace}/{self.name}"

    @property
    def is_ours(self) -> bool:
        """Whether we may write it."""
        return is_ours(self.labels)

    @property
    def is_of_service_ca(self) -> bool:
        """Whether OpenShift's service-ca made it: its certificates have no ClusterIP."""
        return any(key.startswith(_SERVICE_CA) for key in self.annotations)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapObject:
    """A ConfigMap. `version` is its resourceVersion, empty for one that is only wanted.

    `has_binary` tells of keys that are not text: none of ours are.
    """

    namespace: str
    name: str
    data: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    has_binary: bool = False
    version: str = ""

    def __str__(self) -> str:
        return f"ConfigMap {self.namespace}/{self.name}"

    @property
    def is_ours(self) -> bool:
        """Whether we may write it."""
        return is_ours(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterBundleObject:
    """Our ClusterTrustBundle. `version` is its resourceVersion, empty for one only wanted."""

    pem: str
    labels: Mapping[str, str] = field(default_factory=dict)
    version: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether we may write it."""
        return is_ours(self.labels)


def is_ours(labels: Mapping[str, str]) -> bool:
    """Whether an object with these labels is ours to write."""
    return labels.get(MANAGED_BY) == OURSELVES


def check_ours(over: SecretObject | ConfigMapObject | None) -> None:
    """Raises BadInput (name-taken, certificate-without-address) for what is somebody else's."""
    if over is None or over.is_ours:
        return
    reason, detail = Reason.NAME_TAKEN, "somebody else's object has this name, and is left alone"
    if isinstance(over, SecretObject) and over.is_of_service_ca:
        reason = Reason.CERTIFICATE_WITHOUT_ADDRESS
        detail = "it is of OpenShift's service-ca, which never puts a ClusterIP in"
    raise BadInput(Problem(reason=reason, where=str(over), detail=detail))
