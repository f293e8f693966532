"""Requests for a certificate of the registry, on a real API server: whose is signed, whose not."""

from collections.abc import Iterator

import pytest
from cryptography import x509

from tests.issuer.asking import request
from tests.manifests.cluster import Cluster
from tests.manifests.issuing_scene import Scene, at_work, reached

pytestmark = pytest.mark.realcluster

OWN = "system:serviceaccount:registry:registry"


@pytest.fixture(scope="module")
def scene(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with at_work(cluster, tmp_path_factory.mktemp("issuer")) as made:
        yield made


def for_all(scene: Scene) -> bytes:
    """For all that the registry is."""
    certificate = scene.certificate
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return request(names=list(names))


def test_one_of_the_registry_for_just_what_it_is_is_signed_with_nobodys_help(scene: Scene) -> None:
    scene.ask("own", by=OWN, pem=for_all(scene))
    answer = scene.until_answered("own")
    certificate = x509.load_pem_x509_certificates(answer.certificate)[0]
    assert set(reached(certificate)) == scene.served()
    assert certificate.subject == x509.Name([])


def test_one_of_anybody_else_waits_for_a_person(scene: Scene) -> None:
    scene.ask("a-stranger", by="stranger", pem=for_all(scene))
    scene.ask("own-later", by=OWN, pem=for_all(scene))
    assert scene.until_answered("own-later").certificate
    assert scene.request("a-stranger").conditions == ()


def test_one_of_the_registry_for_a_name_more_waits_for_a_person_too(scene: Scene) -> None:
    more = request(names=[x509.DNSName("knative.registry.svc"), x509.DNSName("docker.io")])
    scene.ask("a-more", by=OWN, pem=more)
    scene.ask("own-last", by=OWN, pem=for_all(scene))
    assert scene.until_answered("own-last").certificate
    assert scene.request("a-more").conditions == ()


@pytest.mark.parametrize(
    "name", ["docker.io", "knative.other.svc", "kubernetes.default.svc", "*.registry.svc"]
)
def test_one_for_a_foreign_name_is_refused_though_a_person_approved_it(
    scene: Scene, name: str
) -> None:
    asked = f"foreign-{name.replace('*', 'all')}"
    names = [x509.DNSName("knative.registry.svc"), x509.DNSName(name)]
    scene.ask(asked, by="stranger", pem=request(names=names))
    scene.cluster.kubectl("certificate", "approve", asked)
    answer = scene.until_answered(asked)
    assert answer.certificate == b""
    [failed] = (one for one in answer.conditions if one["type"] == "Failed")
    assert failed["reason"] == "RequestRefused"


def test_one_to_be_a_ca_is_refused(scene: Scene) -> None:
    asked = request(x509.BasicConstraints(ca=True, path_length=None))
    scene.ask("a-ca", by="stranger", pem=asked)
    scene.cluster.kubectl("certificate", "approve", "a-ca")
    assert scene.until_answered("a-ca").certificate == b""
