"""The controller's passes, with real certificates: what they leave, and what a kill leaves."""

from ipaddress import ip_network

import pytest

from agent.errors import BadInput, Reason
from agent.issuer.verification import verify
from agent.planning.pem import pem_block
from agent.planning.published_bundle import anchors_in
from agent.planning.rotation import Phase
from agent.planning.stored_objects import ConfigMapObject, SecretObject
from tests.issuer.trust_cluster import KilledError, TrustCluster

NAMES = ("knative.registry.svc", "knative.registry.svc.cluster.local")


@pytest.fixture
def cluster() -> TrustCluster:
    made = TrustCluster()
    made.serve("knative", "10.96.0.50", "fd00::50")
    return made


def settled(cluster: TrustCluster) -> Phase:
    return cluster.controller().settle().view.phase


def anchors(cluster: TrustCluster) -> list[bytes]:
    return [pem_block(der).encode() for der in anchors_in(cluster.bundle)]


def verified_by(cluster: TrustCluster, anchor: bytes, *names: str) -> bool:
    why = verify(
        chain=cluster.certificate(),
        anchor=anchor,
        names=names or NAMES,
        addresses=(),
        now=cluster.now(),
    )
    return why is None


def test_an_empty_cluster_gets_a_ca_a_bundle_and_a_certificate(cluster: TrustCluster) -> None:
    assert settled(cluster) is Phase.STEADY
    [anchor] = anchors(cluster)
    assert verified_by(cluster, anchor)
    assert cluster.noted


def test_a_second_look_changes_nothing(cluster: TrustCluster) -> None:
    settled(cluster)
    before = (dict(cluster.secrets), dict(cluster.config_maps))
    settled(cluster)
    assert (cluster.secrets, cluster.config_maps) == before


def test_the_ca_is_kept_within_the_namespace_and_the_service_range(cluster: TrustCluster) -> None:
    cluster.ranges = frozenset({ip_network("10.96.0.0/16"), ip_network("fd00::/112")})
    settled(cluster)
    cluster.serve("other", "10.97.0.1")  # of another range
    report = cluster.controller().settle()
    [serving] = report.view.servings
    assert serving.leaf is not None
    assert "other.registry.svc" not in serving.leaf.names


def test_a_new_service_gets_into_the_certificate(cluster: TrustCluster) -> None:
    settled(cluster)
    cluster.serve("more", "10.96.0.51")
    settled(cluster)
    assert verified_by(cluster, anchors(cluster)[0], "more.registry.svc", *NAMES)


def rotated(cluster: TrustCluster) -> tuple[bytes, bytes]:
    """The old and the new CA, just after the switch."""
    settled(cluster)
    [old] = anchors(cluster)
    cluster.pass_time(hours=51)
    cluster.nodes_read("a", "b")
    assert settled(cluster) is Phase.STAGED
    cluster.nodes_read("a", "b")
    cluster.pass_time(hours=2)
    assert settled(cluster) is Phase.SWITCHED
    [new] = [anchor for anchor in anchors(cluster) if anchor != old]
    return old, new


def test_after_a_switch_who_knows_only_one_of_the_cas_can_verify(cluster: TrustCluster) -> None:
    old, new = rotated(cluster)
    assert verified_by(cluster, old)
    assert verified_by(cluster, new)


def test_the_old_key_is_gone_with_the_switch(cluster: TrustCluster) -> None:
    settled(cluster)
    key = cluster.secrets["registry-trust", "registry-ca"].data["current.key"]
    rotated(cluster)
    assert key not in cluster.secrets["registry-trust", "registry-ca"].data.values()


def test_the_old_ca_is_retired_when_nothing_it_signed_can_be_served(cluster: TrustCluster) -> None:
    old, new = rotated(cluster)
    cluster.pass_time(hours=31)
    settled(cluster)
    cluster.pass_time(minutes=3)
    assert settled(cluster) is Phase.STEADY
    assert anchors(cluster) == [new]
    assert verified_by(cluster, new)
    assert not verified_by(cluster, old)


def test_a_node_without_the_next_ca_is_waited_for_and_named(cluster: TrustCluster) -> None:
    settled(cluster)
    cluster.nodes_read("a", "b")
    cluster.pass_time(hours=51)
    settled(cluster)
    cluster.nodes_read("a")
    cluster.pass_time(hours=9)
    report = cluster.controller().settle()
    assert report.view.phase is Phase.STAGED
    assert "1 of 2 nodes" in report.progress
    assert "b (has not got it for registry/knative)" in report.progress


def test_a_silent_node_is_waited_for_no_longer_than_it_was_told(cluster: TrustCluster) -> None:
    settled(cluster)
    cluster.nodes_read("a", "b")
    cluster.nodes["b"] = (cluster.nodes["b"][0], False)
    cluster.pass_time(hours=51)
    settled(cluster)
    cluster.nodes_read("a")
    cluster.pass_time(hours=9)
    assert settled(cluster) is Phase.STAGED
    cluster.pass_time(hours=2)
    assert settled(cluster) is Phase.SWITCHED


def test_a_lost_ca_is_replaced_when_the_nodes_have_the_new_one(cluster: TrustCluster) -> None:
    settled(cluster)
    [old] = anchors(cluster)
    cluster.nodes_read("a")
    del cluster.secrets["registry-trust", "registry-ca"]
    assert settled(cluster) is Phase.STAGED
    assert old in anchors(cluster)
    assert verified_by(cluster, old)
    cluster.nodes_read("a")
    cluster.pass_time(hours=2)
    assert settled(cluster) is Phase.SWITCHED
    assert old in anchors(cluster)
    assert not verified_by(cluster, old)


def test_a_compromised_ca_is_revoked(cluster: TrustCluster) -> None:
    settled(cluster)
    [old] = anchors(cluster)
    cluster.controller().demand()
    settled(cluster)
    cluster.nodes_read("a")
    settled(cluster)
    assert not verified_by(cluster, old)
    cluster.pass_time(minutes=3)
    assert settled(cluster) is Phase.STEADY
    assert old not in anchors(cluster)
    assert cluster.bundle.data["revoked"]


def test_what_somebody_wrote_into_the_bundle_goes(cluster: TrustCluster) -> None:
    settled(cluster)
    before = dict(cluster.bundle.data)
    for data in ({"ca.crt": ""}, {**before, "x": "y"}, {"ca.crt": before["ca.crt"] + "# mine\n"}):
        cluster.config_maps["registry-trust", "registry-trust"] = ConfigMapObject(
            namespace="registry-trust",
            name="registry-trust",
            data=data,
            labels=cluster.bundle.labels,
            annotations=cluster.bundle.annotations,
        )
        settled(cluster)
        assert cluster.bundle.data == before


@pytest.mark.parametrize("name", ["registry-ca", "registry-trust"])
def test_what_is_somebody_elses_is_left_alone(cluster: TrustCluster, name: str) -> None:
    if name == "registry-ca":
        mine = SecretObject(namespace="registry-trust", name=name, data={"mine": b"1"})
        cluster.secrets["registry-trust", name] = mine
    else:
        made = ConfigMapObject(namespace="registry-trust", name=name, data={"mine": "1"})
        cluster.config_maps["registry-trust", name] = made
    with pytest.raises(BadInput) as refusal:
        settled(cluster)
    assert refusal.value.problem.reason is Reason.NAME_TAKEN
    assert cluster.writes == 0


def test_a_certificate_of_somebody_else_is_left_alone(cluster: TrustCluster) -> None:
    mine = SecretObject(namespace="registry", name="registry-tls", data={"tls.crt": b"mine"})
    cluster.secrets["registry", "registry-tls"] = mine
    report = cluster.controller().settle()
    assert [problem.reason for problem in report.problems] == [Reason.NAME_TAKEN]
    assert cluster.secrets["registry", "registry-tls"] is mine


def test_a_foreign_ca_is_published_for_its_namespace_only(cluster: TrustCluster) -> None:
    settled(cluster)
    other = TrustCluster()
    other.serve("knative", "10.96.0.9")
    settled(other)
    [foreign] = anchors(other)
    extra = {"builds.crt": foreign.decode(), "bad": "x", "more.crt": "no certificate"}
    cluster.config_maps["registry-trust", "extra"] = ConfigMapObject(
        namespace="registry-trust", name="extra", data=extra
    )
    report = cluster.controller().settle()
    assert foreign not in anchors(cluster)
    assert foreign.decode() in cluster.bundle.data["builds.ca.crt"]
    assert len(report.problems) == 2


def test_killed_at_any_write_another_process_goes_on() -> None:
    """Whatever of a rotation was done: before and after the next process, pulls go on."""
    for survived in range(12):
        mortal = TrustCluster()
        mortal.serve("knative", "10.96.0.50")
        _live_through(mortal, survived)
        assert settled(mortal) is Phase.STEADY
        [anchor] = anchors(mortal)
        assert verified_by(mortal, anchor)


def _live_through(cluster: TrustCluster, survived: int) -> None:
    """A first CA and one rotation, with a kill before one of the writes."""
    cluster.writes_left = survived
    for hours in (0, 51, 2, 31, 1, 1):
        cluster.pass_time(hours=hours)
        try:
            settled(cluster)
        except KilledError:
            cluster.writes_left = None
            settled(cluster)
        known = [anchor for anchor in anchors(cluster) if verified_by(cluster, anchor)]
        assert known, "nobody can verify what is served"
        cluster.nodes_read("a", "b")
