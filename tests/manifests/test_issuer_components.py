"""What the components give to the trust controller: requests of its signer, cert-manager."""

from base64 import b64encode
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.cert_manager import LABEL, CertManager
from agent.cluster.signing_requests import REQUESTS, SigningRequests
from agent.planning.signing_request import SIGNER
from tests.ground.certificates import Authority
from tests.manifests.cluster import AgentApi, Cluster
from tests.manifests.issuer import USER, fenced
from tests.manifests.kustomizations import DEPLOY

pytestmark = pytest.mark.realcluster

COMPONENTS = DEPLOY / "components"
NAMES = ("signing-requests", "cert-manager")
LEAF = Authority.create().issue(dns=["knative.registry.svc"])


@pytest.fixture(scope="module")
def issuer(cluster: Cluster) -> Iterator[AgentApi]:
    """The trust controller's account, with both components."""
    rights = [f"--filename={COMPONENTS / name}/rights.yaml" for name in NAMES]
    with fenced(cluster) as api:
        cluster.kubectl("apply", *rights)
        yield api
        cluster.kubectl("delete", *rights)


class TestSigningRequests:
    @pytest.fixture(autouse=True)
    def _requests(self, cluster: Cluster) -> Iterator[None]:
        yield
        cluster.kubectl("delete", "csr", "--all")

    def ask(self, cluster: Cluster, name: str, *, signer: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        spec = {"request": b64encode(pem).decode(), "signerName": signer, "usages": ["server auth"]}
        kind = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
        cluster.kubectl.apply({**kind, "metadata": {"name": name}, "spec": spec})

    def test_it_approves_and_signs_those_to_its_signer(
        self, cluster: Cluster, issuer: AgentApi
    ) -> None:
        self.ask(cluster, "ours", signer=SIGNER)
        requests = SigningRequests(issuer)
        [asked] = requests.read()
        requests.approve(asked, reason="RegistrysOwn", message="asked by the registry itself")
        [approved] = requests.read()
        requests.sign(approved, certificate=LEAF.chain_pem.encode())
        [signed] = requests.read()
        assert signed.certificate

    @pytest.mark.parametrize("subresource", ["approval", "status"])
    def test_it_neither_approves_nor_signs_those_to_another(
        self, cluster: Cluster, issuer: AgentApi, subresource: str
    ) -> None:
        self.ask(cluster, "theirs", signer="example.com/serving")
        cluster.kubectl("certificate", "approve", "theirs")
        told = {"type": "Approved", "status": "True", "reason": "Mine", "message": "mine"}
        status: dict[str, Any] = {
            "approval": {"conditions": [told]},
            "status": {"certificate": b64encode(LEAF.chain_pem.encode()).decode()},
        }[subresource]
        with pytest.raises(ApiRefusedError) as refused:
            issuer.patch(f"{REQUESTS}/theirs/{subresource}", {"status": status})
        assert refused.value.status == 403
        assert USER in refused.value.message or "signer" in refused.value.message


def test_it_keeps_a_certificate_of_cert_manager(cluster: Cluster, issuer: AgentApi) -> None:
    metadata = {"name": "registry", "namespace": "registry", "labels": {LABEL: "true"}}
    kind = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate"}
    cluster.kubectl.apply({**kind, "metadata": metadata, "spec": {"secretName": "registry-tls"}})
    manager = CertManager(issuer, namespaces=["registry"])
    [ordered] = manager.certificates()
    addresses = [ip_address("10.96.0.50")]
    assert manager.keep(ordered, names=["knative.registry.svc"], addresses=addresses)
    [kept] = manager.certificates()
    assert kept.ip_addresses == ("10.96.0.50",)
    cluster.kubectl("delete", "certificates.cert-manager.io", "registry", "--namespace=registry")
