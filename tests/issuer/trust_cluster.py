"""A cluster in memory for the trust controller: objects with versions, Services, nodes, pods.

What the API server refuses, it refuses; what the cluster does by itself (nodes that read a bundle,
pods that read a Secret), the test does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from agent.errors import ChangedMeanwhile
from agent.issuer.controller import Controller, Duty
from agent.issuer.look import Looking
from agent.issuer.registry_pods import RegistryPods
from agent.planning.fleet import Fleet, LeaseRecord, NodeRecord, fleet_of
from agent.planning.model import RegistryName, ServiceObject, ServicePort
from agent.planning.published_bundle import anchors_in, fingerprint
from agent.planning.stored_objects import (
    MANAGED_BY,
    OURSELVES,
    ConfigMapObject,
    SecretObject,
    check_ours,
)
from agent.planning.trust_model import IPNetwork, Lifetimes
from agent.planning.trust_sources import ServedService, ServicesSeen

LIFETIMES = Lifetimes(
    authority=timedelta(hours=100),
    certificate=timedelta(hours=30),
    soak=timedelta(hours=1),
    patience=timedelta(hours=10),
)


class KilledError(Exception):
    """The controller's process is no more."""


@dataclass
class TrustCluster:
    """All ports of the controller at once. `writes_left` is how many it survives."""

    now_: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    secrets: dict[tuple[str, str], SecretObject] = field(default_factory=dict)
    config_maps: dict[tuple[str, str], ConfigMapObject] = field(default_factory=dict)
    services_: dict[RegistryName, ServedService] = field(default_factory=dict)
    unlabelled: tuple[ServiceObject, ...] = ()
    ranges: frozenset[IPNetwork] | None = None
    nodes: dict[str, tuple[frozenset[str], bool]] = field(default_factory=dict)
    noted: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    namespaces_: tuple[str, ...] = ("registry",)
    writes_left: int | None = None
    writes: int = 0
    duties: tuple[Duty, ...] = ()
    labelled: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def controller(self) -> Controller:
        """A new process."""
        looking = Looking(
            objects=self,
            sources=self,
            clock=self,
            namespaces=self.namespaces_,
            domain="cluster.local",
        )
        return Controller(
            looking=looking,
            objects=self,
            fleet=self,
            clock=self,
            lifetimes=LIFETIMES,
            duties=(RegistryPods(self), *self.duties),
        )

    def serve(self, name: str, *addresses: str, namespace: str = "registry") -> None:
        """Let there be a registry Service."""
        registry = RegistryName(namespace=namespace, name=name)
        service = ServiceObject(
            registry=registry,
            label="true",
            type="ClusterIP",
            cluster_ips=addresses,
            ports=(ServicePort(number=443, name="https"),),
        )
        self.services_[registry] = ServedService(service=service, selector={"app": name})

    def pass_time(self, **duration: float) -> None:
        """It is later."""
        self.now_ += timedelta(**duration)

    def nodes_read(self, *names: str) -> None:
        """These nodes read the bundle, and say so in their Leases."""
        anchors = frozenset(map(fingerprint, anchors_in(self.bundle)))
        self.nodes |= dict.fromkeys(names, (anchors, True))

    @property
    def bundle(self) -> ConfigMapObject:
        """As it is published."""
        return self.config_maps["registry-trust", "registry-trust"]

    def certificate(self, namespace: str = "registry") -> bytes:
        """What the registry is to serve."""
        return self.secrets[namespace, "registry-tls"].data["tls.crt"]

    # The ports.

    def now(self) -> datetime:
        return self.now_

    def monotonic(self) -> float:
        return self.now_.timestamp()

    def secret(self, namespace: str, name: str) -> SecretObject | None:
        return self.secrets.get((namespace, name))

    def put_secret(self, wanted: SecretObject, *, over: SecretObject | None) -> SecretObject:
        check_ours(over)
        key = (wanted.namespace, wanted.name)
        self._count(self.secrets.get(key), over)
        labels = {**wanted.labels, MANAGED_BY: OURSELVES}
        self.secrets[key] = replace(wanted, labels=labels, version=str(self.writes))
        return self.secrets[key]

    def config_map(self, namespace: str, name: str) -> ConfigMapObject | None:
        return self.config_maps.get((namespace, name))

    def put_config_map(
        self, wanted: ConfigMapObject, *, over: ConfigMapObject | None
    ) -> ConfigMapObject:
        check_ours(over)
        key = (wanted.namespace, wanted.name)
        self._count(self.config_maps.get(key), over)
        labels = {**wanted.labels, MANAGED_BY: OURSELVES}
        self.config_maps[key] = replace(wanted, labels=labels, version=str(self.writes))
        return self.config_maps[key]

    def services(self) -> ServicesSeen:
        return ServicesSeen(services=tuple(self.services_.values()), unlabelled=self.unlabelled)

    def service_ranges(self) -> frozenset[IPNetwork] | None:
        return self.ranges

    def namespaces(self, label: str) -> tuple[str, ...]:
        return self.labelled.get(label, ())

    def read(self) -> Fleet:
        leases = [
            LeaseRecord(
                node=name,
                state="ok",
                anchors={"registry/knative": tuple(anchors)},
                renewed=self.now_ if is_heard else None,
            )
            for name, (anchors, is_heard) in self.nodes.items()
        ]
        nodes = [NodeRecord(name=name, ready=True) for name in self.nodes]
        return fleet_of(leases=leases, nodes=nodes, selections=(), now=self.now_)

    def note_certificate(
        self, namespace: str, *, selector: Mapping[str, str], sha256: str
    ) -> tuple[str, ...]:
        self.noted.append((sha256, selector))
        return (namespace,)

    def _count(
        self,
        present: SecretObject | ConfigMapObject | None,
        over: SecretObject | ConfigMapObject | None,
    ) -> None:
        if present != over:
            raise ChangedMeanwhile("somebody was quicker")
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise KilledError
            self.writes_left -= 1
        self.writes += 1
