"""What a pass makes of a cluster that changed, or that nobody looked at for long."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from agent.issuer.certificates import issue
from agent.planning.model import RegistryName, ServiceObject, ServicePort
from agent.planning.pem import pem_block
from agent.planning.rotation import Phase
from agent.planning.trust_steps import MakeAuthority, PublishAnchors
from tests import anchors
from tests.issuer.pairs import DAY, authority, leaf
from tests.issuer.passes import RANGES, after, is_served, published, settle
from tests.issuer.trust_cluster import TrustCluster


@pytest.fixture
def cluster() -> TrustCluster:
    made = TrustCluster()
    made.serve("knative", "10.96.0.50")
    settle(made)
    return made


def test_a_namespace_allowed_later_is_served_from_the_switch_on(cluster: TrustCluster) -> None:
    [old] = published(cluster)
    cluster.namespaces_ = ("registry", "builds")
    cluster.serve("kpack", "10.96.0.60", namespace="builds")
    settle(cluster)

    assert after(cluster, hours=2).view.phase is Phase.SWITCHED
    [new] = [anchor for anchor in published(cluster) if anchor != old]
    assert is_served(cluster, "kpack", namespace="builds", to=new)
    assert not is_served(cluster, "kpack", namespace="builds", to=old)
    assert is_served(cluster, "knative", to=old)


def test_a_namespace_allowed_right_after_a_switch_does_not_wait_until_the_last_old_leaf_has_ended(
    cluster: TrustCluster,
) -> None:
    after(cluster, hours=51)
    assert after(cluster, hours=2).view.phase is Phase.SWITCHED
    cluster.namespaces_ = ("registry", "builds")
    cluster.serve("kpack", "10.96.0.60", namespace="builds")
    for _ in range(3):
        after(cluster, hours=2)

    assert any(
        is_served(cluster, "kpack", namespace="builds", to=one) for one in published(cluster)
    )


def test_a_service_of_a_new_range_waits_so_that_the_others_stay_served_to_all() -> None:
    cluster = TrustCluster(ranges=frozenset(RANGES[:1]))
    cluster.serve("knative", "10.96.0.50")
    settle(cluster)
    [old] = published(cluster)
    cluster.ranges = frozenset(RANGES[:2])
    cluster.serve("tekton", "10.97.0.50")
    settle(cluster)

    assert after(cluster, hours=2).view.phase is Phase.SWITCHED
    assert is_served(cluster, "knative", to=old)
    [new] = [anchor for anchor in published(cluster) if anchor != old]
    assert not is_served(cluster, "tekton", to=new)

    assert after(cluster, hours=2).view.phase is Phase.STEADY
    assert is_served(cluster, "knative", to=new)
    assert is_served(cluster, "tekton", to=new)


def service(name: str, address: str) -> ServiceObject:
    """One without the label."""
    return ServiceObject(
        registry=RegistryName(namespace="registry", name=name),
        label="",
        type="ClusterIP",
        cluster_ips=(address,),
        ports=(),
    )


def test_services_that_have_never_been_registries_are_in_no_certificate(
    cluster: TrustCluster,
) -> None:
    del cluster.services_[KNATIVE]
    cluster.serve("tekton", "10.96.0.51")
    cluster.unlabelled = (service("web", "10.96.0.50"), service("headless", "None"))

    [serving] = settle(cluster).view.servings

    assert serving.leaf is not None
    assert serving.leaf.addresses == {ip_address("10.96.0.51")}


KNATIVE = RegistryName(namespace="registry", name="knative")


def unlabel(cluster: TrustCluster, name: RegistryName = KNATIVE) -> None:
    cluster.unlabelled = (replace(cluster.services_.pop(name).service, label=""),)


def refuse(cluster: TrustCluster) -> None:
    """Its ports are such that nobody can tell which one is meant."""
    seen = cluster.services_[KNATIVE]
    ports = (ServicePort(number=5000, name="a"), ServicePort(number=5001, name="b"))
    cluster.services_[KNATIVE] = replace(seen, service=replace(seen.service, ports=ports))


@pytest.mark.parametrize("lose", [unlabel, refuse])
def test_a_service_that_nodes_go_on_to_pull_from_stays_served(
    cluster: TrustCluster, lose: Callable[[TrustCluster], None]
) -> None:
    [anchor] = published(cluster)
    cluster.serve("tekton", "10.96.0.51")
    settle(cluster)
    lose(cluster)
    assert settle(cluster).done == ()
    cluster.serve("tekton", "10.96.0.52")

    after(cluster, hours=21)  # renewed

    assert is_served(cluster, "knative", to=anchor)
    assert is_served(cluster, "tekton", to=anchor)


@pytest.mark.parametrize("lose", [unlabel, refuse])
def test_the_only_service_of_a_namespace_stays_served_too(
    cluster: TrustCluster, lose: Callable[[TrustCluster], None]
) -> None:
    lose(cluster)
    for _ in range(25):  # renewed, and rotated
        after(cluster, hours=6)
        assert any(is_served(cluster, "knative", to=anchor) for anchor in published(cluster))


def withdraw(cluster: TrustCluster) -> None:
    seen = cluster.services_[KNATIVE]
    cluster.services_[KNATIVE] = replace(seen, service=replace(seen.service, label="false"))


def delete(cluster: TrustCluster) -> None:
    del cluster.services_[KNATIVE]


@pytest.mark.parametrize("end", [withdraw, delete])
def test_a_service_that_is_gone_or_withdrawn_is_not_served(
    cluster: TrustCluster, end: Callable[[TrustCluster], None]
) -> None:
    [anchor] = published(cluster)
    cluster.serve("tekton", "10.96.0.51")
    settle(cluster)
    end(cluster)
    settle(cluster)

    assert not is_served(cluster, "knative", to=anchor)
    assert is_served(cluster, "tekton", to=anchor)


def test_what_a_stranger_put_into_a_certificate_is_not_taken_over(cluster: TrustCluster) -> None:
    name = ("registry", "registry-tls")
    strange = issue(
        names={"evil.registry.svc"},
        addresses=(),
        authority=authority(now=cluster.now()),
        now=cluster.now(),
        lifetime=DAY,
    )
    cluster.unlabelled = (service("evil", "10.96.0.66"),)
    data = {"tls.crt": strange.certificate, "tls.key": strange.key}
    cluster.secrets[name] = replace(cluster.secrets[name], data=data)

    [serving] = settle(cluster).view.servings

    assert serving.leaf is not None
    assert serving.leaf.names == {"knative.registry.svc", "knative.registry.svc.cluster.local"}


def test_an_address_of_a_range_that_is_gone_keeps_no_certificate_from_being_made() -> None:
    cluster = TrustCluster(ranges=frozenset(RANGES))
    cluster.serve("knative", "10.96.0.50")
    cluster.serve("tekton", "10.97.0.50")
    settle(cluster)
    after(cluster, hours=40)
    cluster.ranges = frozenset(RANGES[:1])
    unlabel(cluster, replace(KNATIVE, name="tekton"))
    after(cluster, hours=11)

    report = after(cluster, hours=2)
    assert report.view.phase is Phase.SWITCHED
    [serving] = report.view.servings

    assert serving.leaf is not None
    assert serving.leaf.addresses == {ip_address("10.96.0.50")}


def test_ranges_that_cannot_be_read_for_a_while_change_nothing() -> None:
    cluster = TrustCluster(ranges=frozenset(RANGES))
    cluster.serve("knative", "10.96.0.50")
    settle(cluster)
    cluster.ranges = None

    assert settle(cluster).done == ()

    cluster.serve("tekton", "192.0.2.1")
    assert [type(step) for step in settle(cluster).done] == [MakeAuthority, PublishAnchors]
    assert after(cluster, hours=2).view.phase is Phase.SWITCHED
    after(cluster, hours=2)
    assert any(is_served(cluster, "tekton", to=anchor) for anchor in published(cluster))


@pytest.mark.parametrize(
    "written", [leaf(authority()).certificate.decode(), pem_block(b"nonsense"), anchors.pem(1)]
)
def test_what_stands_in_the_bundle_when_the_keys_are_lost_does_not_stop_the_controller(
    cluster: TrustCluster, written: str
) -> None:
    [old] = published(cluster)
    bundle, place = cluster.bundle, ("registry-trust", "registry-trust")
    text = {"ca.crt": bundle.data["ca.crt"] + written}
    cluster.config_maps[place] = replace(bundle, data=text)
    del cluster.secrets["registry-trust", "registry-ca"]

    settle(cluster)
    assert old in published(cluster)
    assert after(cluster, hours=2).view.phase is Phase.SWITCHED
    assert any(is_served(cluster, "knative", to=anchor) for anchor in published(cluster))


@pytest.mark.parametrize("absences", [(101,), (51, 101), (51, 2, 101), (51, 2, 60), (1000, 1000)])
def test_a_controller_that_was_away_until_all_had_ended_begins_anew(
    cluster: TrustCluster, absences: tuple[int, ...]
) -> None:
    for hours in absences:
        after(cluster, hours=hours)

    assert any(is_served(cluster, "knative", to=anchor) for anchor in published(cluster))
    assert Phase.STEADY in {after(cluster, hours=2).view.phase for _ in range(20)}


def test_a_demand_is_answered_by_one_new_authority_even_in_its_own_second(
    cluster: TrustCluster,
) -> None:
    cluster.pass_time(milliseconds=300)
    cluster.controller().demand()
    cluster.pass_time(milliseconds=400)

    settle(cluster)

    assert len(published(cluster)) == 2
