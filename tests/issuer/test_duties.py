"""What else the trust controller keeps: copies, the ClusterTrustBundle, what tools are told."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from agent.errors import Reason
from agent.issuer.bundle_copies import BundleCopies
from agent.issuer.cluster_bundle import ClusterBundle
from agent.issuer.look import ORDERED
from agent.issuer.ordered_certificates import OrderedCertificates
from agent.issuer.registry_hosting import KEY, RegistryHosting
from agent.planning.model import IPAddress
from agent.planning.stored_objects import (
    MANAGED_BY,
    OURSELVES,
    ClusterBundleObject,
    ConfigMapObject,
    SecretObject,
)
from agent.planning.trust_sources import TRUST_LABEL, OrderedCertificate
from tests.issuer.trust_cluster import TrustCluster


@dataclass
class ClusterBundles:
    """The API server's, which has such objects if `served`."""

    served: bool = True
    present: ClusterBundleObject | None = None
    puts: int = 0

    def is_served(self) -> bool:
        return self.served

    def read(self) -> ClusterBundleObject | None:
        return self.present

    def put(self, pem: str, *, over: ClusterBundleObject | None) -> ClusterBundleObject:
        assert over == self.present
        self.puts += 1
        self.present = ClusterBundleObject(
            pem=pem, labels={MANAGED_BY: OURSELVES}, version=str(self.puts)
        )
        return self.present


@dataclass
class Orders:
    """One Certificate of cert-manager's, and what it was made to say."""

    ordered: OrderedCertificate
    kept: list[tuple[set[str], set[str]]] = field(default_factory=list)

    def certificates(self) -> tuple[OrderedCertificate, ...]:
        return (self.ordered,)

    def keep(
        self, seen: OrderedCertificate, *, names: Iterable[str], addresses: Iterable[IPAddress]
    ) -> bool:
        assert seen is self.ordered
        self.kept.append((set(names), set(map(str, addresses))))
        return True


@pytest.fixture
def cluster() -> TrustCluster:
    made = TrustCluster()
    made.serve("knative", "10.96.0.50")
    return made


def settle(cluster: TrustCluster) -> list[Reason]:
    return [problem.reason for problem in cluster.controller().settle().problems]


def test_a_namespace_that_asks_gets_a_copy_of_the_bundle(cluster: TrustCluster) -> None:
    cluster.labelled = {TRUST_LABEL: ("builds", "knative-serving", "registry-trust")}
    cluster.duties = (BundleCopies(objects=cluster, sources=cluster),)
    assert settle(cluster) == []
    for namespace in ("builds", "knative-serving"):
        copy = cluster.config_maps[namespace, "registry-trust"]
        assert copy.data == cluster.bundle.data
    writes = cluster.writes
    settle(cluster)
    assert cluster.writes == writes


def test_a_copy_that_somebody_changed_is_written_anew(cluster: TrustCluster) -> None:
    cluster.labelled = {TRUST_LABEL: ("builds",)}
    cluster.duties = (BundleCopies(objects=cluster, sources=cluster),)
    settle(cluster)
    copy = cluster.config_maps["builds", "registry-trust"]
    cluster.config_maps["builds", "registry-trust"] = ConfigMapObject(
        namespace="builds", name="registry-trust", data={"ca.crt": "mine"}, labels=copy.labels
    )
    settle(cluster)
    assert cluster.config_maps["builds", "registry-trust"].data == cluster.bundle.data


def test_what_has_the_name_of_a_copy_is_left_alone_and_keeps_no_other_from_it(
    cluster: TrustCluster,
) -> None:
    cluster.labelled = {TRUST_LABEL: ("builds", "more")}
    cluster.duties = (BundleCopies(objects=cluster, sources=cluster),)
    mine = ConfigMapObject(namespace="builds", name="registry-trust", data={"mine": "1"})
    cluster.config_maps["builds", "registry-trust"] = mine
    assert settle(cluster) == [Reason.NAME_TAKEN]
    assert cluster.config_maps["builds", "registry-trust"] is mine
    assert ("more", "registry-trust") in cluster.config_maps


def test_the_cluster_trust_bundle_has_our_own_cas_once(cluster: TrustCluster) -> None:
    bundles = ClusterBundles()
    cluster.duties = (ClusterBundle(bundles),)
    settle(cluster)
    settle(cluster)
    assert bundles.present is not None
    assert bundles.present.pem == cluster.bundle.data["ca.crt"]
    assert bundles.puts == 1


def test_an_api_server_without_such_objects_is_not_asked_for_one(cluster: TrustCluster) -> None:
    bundles = ClusterBundles(served=False)
    cluster.duties = (ClusterBundle(bundles),)
    assert settle(cluster) == []
    assert bundles.puts == 0


def test_tools_are_told_the_name_that_pods_and_nodes_use(cluster: TrustCluster) -> None:
    cluster.duties = (RegistryHosting(objects=cluster, domain="cluster.local"),)
    settle(cluster)
    text = cluster.config_maps["kube-public", "local-registry-hosting"].data[KEY]
    assert 'hostFromClusterNetwork: "knative.registry.svc.cluster.local"\n' in text
    assert not any(line.startswith("host:") for line in text.splitlines())
    writes = cluster.writes
    settle(cluster)
    assert cluster.writes == writes


def test_what_tools_are_told_already_stays(cluster: TrustCluster) -> None:
    cluster.duties = (RegistryHosting(objects=cluster, domain="cluster.local"),)
    key = ("kube-public", "local-registry-hosting")
    mine = ConfigMapObject(namespace=key[0], name=key[1], data={KEY: 'host: "localhost:5000"\n'})
    cluster.config_maps[key] = mine
    assert settle(cluster) == []
    assert cluster.config_maps[key] is mine


def test_cert_managers_certificate_is_kept_for_the_services_as_they_are(
    cluster: TrustCluster,
) -> None:
    ordered = OrderedCertificate(
        namespace="registry",
        name="registry",
        secret="registry-tls",  # noqa: S106 - its name
        dns_names=(),
        ip_addresses=(),
        version="1",
    )
    orders = Orders(ordered)
    cluster.duties = (OrderedCertificates(orders),)
    cluster.secrets["registry", "registry-tls"] = SecretObject(
        namespace="registry", name="registry-tls", annotations={ORDERED: "registry"}
    )
    before = cluster.secrets["registry", "registry-tls"]
    assert settle(cluster) == []
    names = {"knative.registry.svc", "knative.registry.svc.cluster.local"}
    assert orders.kept == [(names, {"10.96.0.50"})]
    assert cluster.secrets["registry", "registry-tls"] is before
