"""What a pass makes of a cluster that changed, or that nobody looked at for long."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from agent.issuer.certificates import issue
from agent.planning.model import RegistryName
from agent.planning.rotation import Phase
from agent.planning.trust_steps import MakeAuthority, PublishAnchors
from tests.issuer.pairs import DAY, authority
from tests.issuer.passes import RANGES, after, anchors, is_served, settle
from tests.issuer.trust_cluster import TrustCluster


@pytest.fixture
def cluster() -> TrustCluster:
    made = TrustCluster()
    made.serve("knative", "10.96.0.50")
    settle(made)
    return made


def test_a_namespace_allowed_later_is_served_from_the_switch_on(cluster: TrustCluster) -> None:
    [old] = anchors(cluster)
    cluster.namespaces_ = ("registry", "builds")
    cluster.serve("kpack", "10.96.0.60", namespace="builds")
    settle(cluster)

    assert after(cluster, hours=2).view.phase is Phase.SWITCHED
    [new] = [anchor for anchor in anchors(cluster) if anchor != old]
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

    assert any(is_served(cluster, "kpack", namespace="builds", to=one) for one in anchors(cluster))


def test_a_service_of_a_new_range_waits_so_that_the_others_stay_served_to_all() -> None:
    cluster = TrustCluster(ranges=frozenset(RANGES[:1]))
    cluster.serve("knative", "10.96.0.50")
    settle(cluster)
    [old] = anchors(cluster)
    cluster.ranges = frozenset(RANGES[:2])
    cluster.serve("tekton", "10.97.0.50")
    settle(cluster)

    assert after(cluster, hours=2).view.phase is Phase.SWITCHED
    assert is_served(cluster, "knative", to=old)
    [new] = [anchor for anchor in anchors(cluster) if anchor != old]
    assert not is_served(cluster, "tekton", to=new)

    assert after(cluster, hours=2).view.phase is Phase.STEADY
    assert is_served(cluster, "knative", to=new)
    assert is_served(cluster, "tekton", to=new)


def test_a_service_that_lost_its_label_is_served_until_the_certificate_is_renewed(
    cluster: TrustCluster,
) -> None:
    [anchor] = anchors(cluster)
    del cluster.services_[RegistryName(namespace="registry", name="knative")]
    cluster.serve("tekton", "10.96.0.51")
    settle(cluster)
    cluster.serve("tekton", "10.96.0.52")
    settle(cluster)

    assert is_served(cluster, "knative", to=anchor)
    assert is_served(cluster, "tekton", to=anchor)

    after(cluster, hours=21)
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
    cluster.serve("tekton", "10.96.0.51")
    settle(cluster)
    after(cluster, hours=11)

    report = after(cluster, hours=2)
    assert report.view.phase is Phase.SWITCHED
    [serving] = report.view.servings
    assert serving.leaf is not None
    assert ip_address("10.96.0.51") in serving.leaf.addresses
    assert ip_address("10.97.0.50") not in serving.leaf.addresses


def test_a_service_made_anew_all_the_time_does_not_fill_the_certificate(
    cluster: TrustCluster,
) -> None:
    for number in range(100):
        cluster.serve("knative", f"10.96.1.{number}")
        report = settle(cluster)
        [serving] = report.view.servings
        assert serving.leaf is not None
        assert ip_address(f"10.96.1.{number}") in serving.leaf.addresses

    assert len(serving.leaf.addresses) < 70


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
    assert any(is_served(cluster, "tekton", to=anchor) for anchor in anchors(cluster))


@pytest.mark.parametrize("absences", [(101,), (51, 101), (51, 2, 101), (51, 2, 60), (1000, 1000)])
def test_a_controller_that_was_away_until_all_had_ended_begins_anew(
    cluster: TrustCluster, absences: tuple[int, ...]
) -> None:
    for hours in absences:
        after(cluster, hours=hours)

    assert any(is_served(cluster, "knative", to=anchor) for anchor in anchors(cluster))
    assert Phase.STEADY in {after(cluster, hours=2).view.phase for _ in range(20)}


def test_a_demand_is_answered_by_one_new_authority_even_in_its_own_second(
    cluster: TrustCluster,
) -> None:
    cluster.pass_time(milliseconds=300)
    cluster.controller().demand()
    cluster.pass_time(milliseconds=400)

    settle(cluster)

    assert len(anchors(cluster)) == 2
