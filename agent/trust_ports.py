"""What the trust controller needs from the world. Adapters fit by shape and never import this."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from agent.planning.fleet import Fleet
from agent.planning.model import IPAddress
from agent.planning.signing_request import SigningRequest
from agent.planning.stored_objects import ClusterBundleObject, ConfigMapObject, SecretObject
from agent.planning.trust_model import IPNetwork
from agent.planning.trust_sources import OrderedCertificate, ServicesSeen


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


class ClusterBundles(Protocol):
    """Our ClusterTrustBundle. Each method raises ClusterTrouble."""

    def is_served(self) -> bool:
        """Whether the API server has such objects."""
        ...

    def read(self) -> ClusterBundleObject | None:
        """As it is now; None where there is none."""
        ...

    def put(self, pem: str, *, over: ClusterBundleObject | None) -> ClusterBundleObject:
        """Let it be these certificates, where `over` is what was seen.

        Raises ChangedMeanwhile, and BadInput (name-taken) where `over` is not ours.
        """
        ...


class Requests(Protocol):
    """CertificateSigningRequests to our signer.

    Each method raises ClusterTrouble; a write ChangedMeanwhile too.
    """

    def read(self) -> tuple[SigningRequest, ...]:
        """All of them, whatever became of them."""
        ...

    def approve(self, request: SigningRequest, *, reason: str, message: str) -> None:
        """Say that it may be signed."""
        ...

    def fail(self, request: SigningRequest, *, reason: str, message: str) -> None:
        """Say that it never will be."""
        ...

    def sign(self, request: SigningRequest, *, certificate: bytes) -> None:
        """Hand out the certificate, PEM."""
        ...


class CertManager(Protocol):
    """The Certificates of cert-manager that are for registries."""

    def certificates(self) -> tuple[OrderedCertificate, ...]:
        """Those that are labelled for us. Raises ClusterTrouble."""
        ...

    def keep(
        self, seen: OrderedCertificate, *, names: Iterable[str], addresses: Iterable[IPAddress]
    ) -> bool:
        """Let it be for exactly these; whether it was not. Raises as a write does."""
        ...
