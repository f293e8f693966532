"""What the trust controller looks at in the cluster besides its own objects."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import Problem
from agent.planning.model import ServiceObject
from agent.planning.node_state import PREFIX

TRUST_LABEL, PUSH_LABEL = (PREFIX + name for name in ("trust", "push"))
"""On a namespace, `"true"`: it wants a copy of the bundle, the password to push with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedService:
    """A Service with the registry label, not yet judged, and the labels of the pods behind it.

    `selector` is empty where the Service selects none.
    """

    service: ServiceObject
    selector: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesSeen:
    """All of them in the allowed namespaces; `problems` has those that could not be read.

    `unlabelled` are the other Services there.
    """

    services: tuple[ServedService, ...] = ()
    unlabelled: tuple[ServiceObject, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedCertificate:
    """A Certificate of cert-manager's for a registry. `secret` is where cert-manager puts it."""

    namespace: str
    name: str
    secret: str
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    version: str

    def __str__(self) -> str:
        return f"Certificate {self.namespace}/{self.name}"
