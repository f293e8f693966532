"""Whatever happened to a cluster, and for how long nobody looked: what a pass leaves is good."""

from ipaddress import ip_network

import pytest

from agent.issuer.verification import verify
from agent.planning.pem import pem_block
from agent.planning.published_bundle import anchors_in
from agent.planning.rotation import Phase
from agent.planning.trust_report import TrustReport
from tests.issuer.trust_cluster import TrustCluster

NAMESPACES = ("registry", "builds", "more")
RANGES = tuple(map(ip_network, ("10.96.0.0/16", "10.97.0.0/16", "fd00::/112")))
ADDRESSES = ("10.96.0.50", "10.97.0.50", "fd00::50")
CA, BUNDLE = ("registry-trust", "registry-ca"), ("registry-trust", "registry-trust")


@pytest.fixture
def cluster() -> TrustCluster:
    made = TrustCluster()
    made.serve("knative", "10.96.0.50")
    settle(made)
    return made


def settle(cluster: TrustCluster) -> TrustReport:
    """A pass, after which all nodes read the bundle."""
    report = cluster.controller().settle()
    cluster.nodes_read("a", "b")
    return report


def after(cluster: TrustCluster, **time: float) -> TrustReport:
    cluster.pass_time(**time)
    return settle(cluster)


def anchors(cluster: TrustCluster) -> list[bytes]:
    return [pem_block(der).encode() for der in anchors_in(cluster.bundle)]


def is_served(cluster: TrustCluster, name: str, *, to: bytes, namespace: str = "registry") -> bool:
    """Whether who trusts that CA can verify the Service by its name."""
    why = verify(
        chain=cluster.certificate(namespace),
        anchor=to,
        names={f"{name}.{namespace}.svc"},
        addresses=(),
        now=cluster.now(),
    )
    return why is None


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
