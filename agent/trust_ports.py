"""What the trust controller needs from the world. Adapters fit by shape and never import this."""

from collections.abc import Mapping
from typing import Protocol

from agent.planning.fleet import Fleet
from agent.planning.stored_objects import ConfigMapObject, SecretObject
from agent.planning.trust_model import IPNetwork
from agent.planning.trust_sources import ServicesSeen


class Objects(Protocol):
    """Secrets and ConfigMaps, each write guarded by what was seen.

    Each method raises ClusterTrouble; each write ChangedMeanwhile too, and BadInput (name-taken)
    where `over` is not ours.
    """

    def secret(self, namespace: str, name: str) -> SecretObject | None:
        """The Secret as it is now; None where there is none."""
        ...

    def put_secret(self, wanted: SecretObject, *, over: SecretObject | None) -> SecretObject:
        """Let it be as wanted, where `over` is what was seen."""
        ...

    def config_map(self, namespace: str, name: str) -> ConfigMapObject | None:
        """The ConfigMap as it is now; None where there is none."""
        ...

    def put_config_map(
        self, wanted: ConfigMapObject, *, over: ConfigMapObject | None
    ) -> ConfigMapObject:
        """Let it be as wanted, where `over` is what was seen."""
        ...


class Sources(Protocol):
    """What certificates are made for. Each method raises ClusterTrouble."""

    def services(self) -> ServicesSeen:
        """The Services with the registry label, in the allowed namespaces."""
        ...

    def service_ranges(self) -> frozenset[IPNetwork] | None:
        """The ranges that ClusterIPs come from; None where that is not known."""
        ...

    def namespaces(self, label: str) -> tuple[str, ...]:
        """The names of the namespaces with this label, sorted."""
        ...


class FleetReading(Protocol):
    """The state of all nodes."""

    def read(self) -> Fleet:
        """As it is now. Raises ClusterTrouble."""
        ...


class PodNotes(Protocol):
    """Notes on a registry's pods."""

    def note_certificate(
        self, namespace: str, *, selector: Mapping[str, str], sha256: str
    ) -> tuple[str, ...]:
        """Let every selected pod say which certificate there is; the names of those that did not.

        Raises ClusterTrouble and ChangedMeanwhile.
        """
        ...
