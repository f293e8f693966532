"""Requests for certificates of our signer, on a real API server."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.cluster.api import Api
from agent.cluster.connection import Kubeconfig
from agent.cluster.signing_requests import REQUESTS, SigningRequests
from agent.errors import ChangedMeanwhile, ClusterTrouble
from agent.planning.signing_request import SIGNER, SigningRequest
from tests.cluster.fake_api import DOWN, FakeApi
from tests.cluster.kube_access import api_over
from tests.ground.certificates import Authority
from tests.ground.cluster_access import ADMIN
from tests.ground.control_plane import ControlPlane

CERTIFICATE = Authority.create().issue(dns=["knative.registry.svc"]).chain_pem.encode()
WORDS = {"reason": "RegistrysOwn", "message": "asked by the registry itself"}


def pem() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def ask(api: Api, name: str, *, signer: str = SIGNER, request: bytes | None = None) -> None:
    spec = {
        "request": b64encode(request or pem()).decode(),
        "signerName": signer,
        "usages": ["digital signature", "server auth"],
        "expirationSeconds": 7200,
    }
    kind = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    api.create(REQUESTS, {**kind, "metadata": {"name": name}, "spec": spec})


@pytest.mark.realcluster
class TestForReal:
    @pytest.fixture
    def api(self, control_plane: ControlPlane) -> Iterator[Api]:
        with api_over(Kubeconfig(control_plane.kubeconfig)) as made:
            yield made
        control_plane.kubectl("delete", "csr", "--all")

    @pytest.fixture
    def requests(self, api: Api) -> SigningRequests:
        return SigningRequests(api)

    def test_only_those_to_our_signer_are_read(self, api: Api, requests: SigningRequests) -> None:
        asked = pem()
        ask(api, "ours", request=asked)
        ask(api, "theirs", signer="example.com/serving")
        [found] = requests.read()
        assert (found.name, found.request) == ("ours", asked)
        assert found.username == ADMIN
        assert "system:authenticated" in found.groups
        assert found.usages == {"digital signature", "server auth"}
        assert found.expiration_seconds == 7200
        assert found.awaits_approval
        assert not found.awaits_signature

    def test_one_that_was_approved_is_signed_once(
        self, api: Api, requests: SigningRequests
    ) -> None:
        ask(api, "ours")
        requests.approve(self.only(requests), **WORDS)
        approved = self.only(requests)
        assert (approved.awaits_approval, approved.awaits_signature) == (False, True)
        requests.sign(approved, certificate=CERTIFICATE)
        signed = self.only(requests)
        assert signed.certificate == CERTIFICATE
        assert not signed.awaits_signature
        stored: Any = api.get(f"{REQUESTS}/ours")
        [condition] = stored["status"]["conditions"]
        assert condition["reason"] == "RegistrysOwn"

    def test_one_that_a_person_approved_can_be_refused_still(
        self, api: Api, requests: SigningRequests, control_plane: ControlPlane
    ) -> None:
        ask(api, "ours")
        control_plane.kubectl("certificate", "approve", "ours")
        requests.fail(self.only(requests), reason="ForeignName", message="it is nobody's name")
        refused = self.only(requests)
        assert not refused.awaits_signature
        stored: Any = api.get(f"{REQUESTS}/ours")
        kinds = [condition["type"] for condition in stored["status"]["conditions"]]
        assert kinds == ["Approved", "Failed"]

    def test_one_that_a_person_denied_is_over(
        self, api: Api, requests: SigningRequests, control_plane: ControlPlane
    ) -> None:
        ask(api, "ours")
        control_plane.kubectl("certificate", "deny", "ours")
        denied = self.only(requests)
        assert not denied.awaits_approval
        assert not denied.awaits_signature

    def test_what_changed_meanwhile_is_looked_at_again(
        self, api: Api, requests: SigningRequests, control_plane: ControlPlane
    ) -> None:
        ask(api, "ours")
        seen = self.only(requests)
        control_plane.kubectl("certificate", "deny", "ours")
        with pytest.raises(ChangedMeanwhile):
            requests.approve(seen, **WORDS)
        control_plane.kubectl("delete", "csr", "ours")
        with pytest.raises(ChangedMeanwhile):
            requests.approve(seen, **WORDS)

    def only(self, requests: SigningRequests) -> SigningRequest:
        [found] = requests.read()
        return found


@pytest.mark.realcluster
def test_without_the_right_there_are_none(control_plane: ControlPlane) -> None:
    nobody = control_plane.write_kubeconfig("nobody")
    with api_over(Kubeconfig(nobody)) as api:
        assert SigningRequests(api).read() == ()


def test_an_api_server_out_of_reach_is_told() -> None:
    with pytest.raises(ClusterTrouble):
        SigningRequests(FakeApi(failing={REQUESTS: DOWN})).read()
