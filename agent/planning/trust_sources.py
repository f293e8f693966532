"""What the trust controller looks at in the cluster besides its own objects."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import Problem
from agent.planning.model import ServiceObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedService:
    """A Service with the registry label, not yet judged, and the labels of the pods behind it.

    `selector` is empty where the Service selects none.
    """

    service: ServiceObject
    selector: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesSeen:
    """All of them in the allowed namespaces; `problems` has those that could not be read."""

    services: tuple[ServedService, ...] = ()
    problems: tuple[Problem, ...] = ()
