"""Whatever happened to a cluster, and for how long nobody looked: what a pass leaves is good."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_network

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from agent.issuer.controller import MOST_STEPS
from agent.issuer.verification import verify
from agent.planning.pem import pem_block
from agent.planning.published_bundle import anchors_in, fingerprint
from agent.planning.rotation import Phase
from agent.planning.serving_certificate import covered
from agent.planning.trust_model import Authority, IPNetwork, Keyring, Serving
from agent.planning.trust_report import TrustReport
from agent.planning.trust_steps import MakeAuthority, PublishAnchors
from tests.issuer.trust_cluster import KilledError, TrustCluster

RANGES = tuple(map(ip_network, ("10.96.0.0/16", "10.97.0.0/16", "fd00::/112")))


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


class Histories(RuleBasedStateMachine):
    """Anything may come, and after any of it there is a pass, and another that finds it done."""

    namespaces = st.sampled_from(("registry", "builds", "more"))
    addresses = st.sampled_from(("10.96.0.5", "10.97.0.5", "fd00::5"))

    def __init__(self) -> None:
        super().__init__()
        self.cluster = TrustCluster()

    @initialize()
    def begin(self) -> None:
        self.cluster.serve("knative", "10.96.0.50")
        self.look()

    @rule(minutes=st.sampled_from((0, 1, 59, 3 * 60, 25 * 60, 51 * 60, 101 * 60)))
    def time_passes(self, minutes: int) -> None:
        self.cluster.pass_time(minutes=minutes, milliseconds=300)
        self.look()

    @rule()
    def the_nodes_read(self) -> None:
        self.cluster.nodes_read("a", "b")
        self.look()

    @rule(namespace=namespaces, number=st.integers(1, 3), address=addresses)
    def a_service_is_there(self, namespace: str, number: int, address: str) -> None:
        self.cluster.namespaces_ = tuple(sorted({*self.cluster.namespaces_, namespace}))
        self.cluster.serve(f"s{number}", f"{address}{number}", namespace=namespace)
        self.look()

    @rule(ranges=st.none() | st.frozensets(st.sampled_from(RANGES), min_size=1))
    def other_ranges_are_known(self, ranges: frozenset[IPNetwork] | None) -> None:
        self.cluster.ranges = ranges
        self.look()

    @rule(data=st.data())
    def an_object_is_deleted(self, data: st.DataObject) -> None:
        cluster = self.cluster
        names = sorted({*cluster.secrets, *cluster.config_maps})
        name = data.draw(st.sampled_from(names))
        cluster.secrets.pop(name, None)
        cluster.config_maps.pop(name, None)
        self.look()

    @rule(namespace=namespaces, key=st.sampled_from(("tls.crt", "tls.key")), text=st.binary())
    def a_certificate_is_spoilt(self, namespace: str, key: str, text: bytes) -> None:
        name = (namespace, "registry-tls")
        secret = self.cluster.secrets.get(name)
        if secret is not None:
            self.cluster.secrets[name] = replace(secret, data={**secret.data, key: text})
        self.look()

    @rule()
    def new_keys_are_demanded(self) -> None:
        self.cluster.controller().demand()
        self.look()

    @rule(writes=st.integers(0, 4), minutes=st.sampled_from((1, 61, 51 * 60)))
    def the_controller_is_killed(self, writes: int, minutes: int) -> None:
        self.cluster.pass_time(minutes=minutes)
        self.cluster.writes_left = writes
        with suppress(KilledError):
            self.cluster.controller().settle()
        self.cluster.writes_left = None
        self.look()

    def teardown(self) -> None:
        """When nothing happens any more, all is as it has to be, and every Service is served."""
        reports = (after(self.cluster, hours=2) for _ in range(60))
        assert any(map(_is_all_well, reports))

    def look(self) -> None:
        """A pass does all there is to do, and what is served then is what can be served."""
        report = self.cluster.controller().settle()
        assert len(report.done) < MOST_STEPS, report.done
        assert self.cluster.controller().settle().done == ()
        ring, keys = report.view.ring, self.cluster.secrets["registry-trust", "registry-ca"].data
        assert {key for key in keys if key.endswith(".key")} <= {"current.key", "next.key"}
        assert report.view.published.anchors == ring.anchors
        if ring.current is not None and ring.current.not_after > report.now:
            for serving in report.view.servings:
                self.check(serving, ring=ring, current=ring.current, now=report.now)

    def check(self, serving: Serving, *, ring: Keyring, current: Authority, now: datetime) -> None:
        """By the CA that signs and, as long as the chain leads there, by the one before."""
        names, addresses = covered(serving, ring=ring, current=current, now=now)
        if not names:
            return
        leaf = serving.leaf
        assert leaf is not None
        assert (leaf.names, leaf.addresses) == (names, addresses)
        assert (leaf.signer, leaf.is_sound) == (current.sha256, True)
        trusted = {
            pem_block(der).encode()
            for der in anchors_in(self.cluster.bundle)
            for authority in (current, *ring.crossed_by(now))
            if authority.sha256 == fingerprint(der)
            and authority.constraints.allow(names=names, addresses=addresses)
        }
        chain = self.cluster.certificate(serving.namespace)
        assert trusted
        for anchor in trusted:
            why_not = verify(chain=chain, anchor=anchor, names=names, addresses=addresses, now=now)
            assert why_not is None


def _is_all_well(report: TrustReport) -> bool:
    wanted = report.view.wanted
    return report.view.phase is Phase.STEADY and all(
        service.names <= (serving.leaf.names if serving.leaf else frozenset())
        for serving in report.view.servings
        for service in serving.services
        if wanted.allow(names=service.names, addresses=service.addresses)
    )


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=15, stateful_step_count=20)
