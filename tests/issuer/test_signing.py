"""Who gets a certificate by a CertificateSigningRequest, and for what."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509

from agent.errors import Reason
from agent.issuer import profiles
from agent.issuer.signing import Signing
from agent.planning.model import IPAddress
from agent.planning.signing_request import APPROVED, FAILED, SigningRequest
from tests.issuer.asking import request
from tests.issuer.trust_cluster import LIFETIMES, TrustCluster

KNATIVE = ("knative.registry.svc", "knative.registry.svc.cluster.local")
TEKTON = ("tekton.registry.svc", "tekton.registry.svc.cluster.local")
ADDRESSES = ("10.96.0.50", "10.96.0.51")
REGISTRY = "system:serviceaccount:registry:registry"
USAGES = frozenset({"digital signature", "key encipherment", "server auth"})


@dataclass
class Requests:
    """The API server's, with one request."""

    request: SigningRequest
    said: list[str] = field(default_factory=list)

    def read(self) -> tuple[SigningRequest, ...]:
        return (self.request,)

    def approve(self, request: SigningRequest, *, reason: str, message: str) -> None:
        self._add(request, APPROVED, f"{reason}: {message}")

    def fail(self, request: SigningRequest, *, reason: str, message: str) -> None:
        self._add(request, FAILED, f"{reason}: {message}")

    def sign(self, request: SigningRequest, *, certificate: bytes) -> None:
        assert request is self.request
        self.request = replace(request, certificate=certificate)

    def _add(self, request: SigningRequest, kind: str, text: str) -> None:
        assert request is self.request
        self.said.append(text)
        conditions = (*request.conditions, {"type": kind, "status": "True"})
        self.request = replace(request, conditions=conditions)


@pytest.fixture
def cluster() -> TrustCluster:
    made = TrustCluster()
    made.serve("knative", ADDRESSES[0])
    made.serve("tekton", ADDRESSES[1])
    return made


def asked(
    *names: str,
    addresses: tuple[str, ...] = (),
    by: str = "jane",
    approved: bool = False,
    usages: frozenset[str] = USAGES,
    seconds: int | None = None,
) -> Requests:
    sans = [*map(x509.DNSName, names), *(x509.IPAddress(ip_address(text)) for text in addresses)]
    conditions = ({"type": APPROVED, "status": "True"},) if approved else ()
    return Requests(
        SigningRequest(
            name="csr-1",
            request=request(names=sans),
            username=by,
            usages=usages,
            expiration_seconds=seconds,
            conditions=conditions,
        )
    )


def settle(cluster: TrustCluster, requests: Requests) -> list[Reason]:
    """Two passes: one may approve, the next sign."""
    cluster.duties = (Signing(requests, lifetimes=LIFETIMES),)
    first, second = (cluster.controller().settle().problems for _ in range(2))
    return [problem.reason for problem in (*first, *second)]


def signed_for(requests: Requests) -> tuple[frozenset[str], frozenset[IPAddress]]:
    leaf, *_ = x509.load_pem_x509_certificates(requests.request.certificate)
    return profiles.reached(leaf.extensions)


def test_a_registry_gets_a_certificate_for_just_what_it_is(cluster: TrustCluster) -> None:
    requests = asked(*KNATIVE, *TEKTON, addresses=ADDRESSES, by=REGISTRY)

    assert settle(cluster, requests) == []
    assert signed_for(requests) == (
        frozenset({*KNATIVE, *TEKTON}),
        frozenset(map(ip_address, ADDRESSES)),
    )


@pytest.mark.parametrize(
    "requests",
    [
        asked(*KNATIVE, *TEKTON, addresses=ADDRESSES),
        asked(*KNATIVE, *TEKTON, addresses=ADDRESSES, by="system:serviceaccount:registry:default"),
        asked(*KNATIVE, *TEKTON, addresses=ADDRESSES, by="system:serviceaccount:other:registry"),
        asked(*KNATIVE, *TEKTON, by=REGISTRY),
        asked(*KNATIVE, addresses=ADDRESSES, by=REGISTRY),
        asked(*KNATIVE, *TEKTON, "docker.io", addresses=ADDRESSES, by=REGISTRY),
        asked(by=REGISTRY),
        asked(*KNATIVE, *TEKTON, addresses=ADDRESSES, by=REGISTRY, usages=USAGES | {"client auth"}),
    ],
)
def test_everything_else_waits_for_a_person(cluster: TrustCluster, requests: Requests) -> None:
    settle(cluster, requests)

    assert requests.request.awaits_approval
    assert requests.request.certificate == b""


def test_a_registry_that_nothing_can_be_signed_for_yet_waits() -> None:
    cluster = TrustCluster(ranges=frozenset({ip_network("10.96.0.0/16")}))
    cluster.serve("knative", "192.0.2.1")
    requests = asked(by=REGISTRY)

    settle(cluster, requests)

    assert requests.request.awaits_approval


def test_what_was_approved_is_signed_with_the_address_and_for_no_other_service(
    cluster: TrustCluster,
) -> None:
    requests = asked(KNATIVE[0], approved=True)

    assert settle(cluster, requests) == []
    assert signed_for(requests) == (frozenset(KNATIVE), frozenset({ip_address(ADDRESSES[0])}))


@pytest.mark.parametrize(
    "requests",
    [
        asked("docker.io", approved=True),
        asked(*KNATIVE, "knative.other.svc", approved=True),
        asked(*KNATIVE, addresses=("192.0.2.1",), approved=True),
        asked(KNATIVE[0], addresses=ADDRESSES[1:], approved=True),
        asked(addresses=ADDRESSES, approved=True),
        asked(*KNATIVE, approved=True, usages=USAGES | {"client auth"}),
        asked(*KNATIVE, approved=True, usages=frozenset({"cert sign"})),
        asked("*.registry.svc", approved=True),
    ],
)
def test_even_what_was_approved_is_for_nothing_else(
    cluster: TrustCluster, requests: Requests
) -> None:
    assert settle(cluster, requests) == [Reason.REQUEST_REFUSED]
    assert requests.request.certificate == b""
    assert requests.said
    assert not requests.request.awaits_signature


def test_what_is_not_for_it_is_named(cluster: TrustCluster) -> None:
    requests = asked(*KNATIVE, "docker.io", approved=True)
    settle(cluster, requests)

    assert requests.said == ["RequestRefused: it asks for 'docker.io', which is not for it"]


def test_a_short_life_is_granted_and_a_long_one_is_not(cluster: TrustCluster) -> None:
    for seconds, lasts in ((600, timedelta(seconds=600)), (10**9, LIFETIMES.certificate)):
        requests = asked(*KNATIVE, approved=True, seconds=seconds)
        settle(cluster, requests)
        leaf, *_ = x509.load_pem_x509_certificates(requests.request.certificate)
        assert leaf.not_valid_after_utc == cluster.now() + lasts


def test_after_a_switch_the_chain_goes_on_to_the_old_authority(cluster: TrustCluster) -> None:
    for hours in (0, 51, 2):
        cluster.pass_time(hours=hours)
        cluster.controller().settle()
        cluster.nodes_read("a")
    requests = asked(*KNATIVE, approved=True)
    settle(cluster, requests)

    assert len(x509.load_pem_x509_certificates(requests.request.certificate)) == 2


def test_an_authority_that_has_ended_signs_nothing(cluster: TrustCluster) -> None:
    cluster.controller().settle()
    cluster.serve("knative", "10.96.0.99")
    cluster.pass_time(hours=101)
    del cluster.secrets["registry", "registry-tls"]  # so that nothing is switched at once
    requests = asked(*KNATIVE, approved=True)

    assert settle(cluster, requests) == []
    assert requests.request.awaits_signature
