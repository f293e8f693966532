"""Whatever happens to a cluster, in whatever order: what a pass leaves is good."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from agent.issuer.controller import MOST_STEPS
from agent.issuer.verification import verify
from agent.planning.pem import pem_block
from agent.planning.published_bundle import anchors_in, fingerprint
from agent.planning.rotation import Phase
from agent.planning.serving_certificate import wanted
from agent.planning.trust_model import Authority, IPNetwork, Keyring, Serving
from agent.planning.trust_report import TrustReport
from tests.issuer.passes import RANGES, after
from tests.issuer.trust_cluster import KilledError, TrustCluster


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
        due = wanted(serving, ring=ring, current=current, now=now)
        names, addresses = due.names, due.addresses
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
