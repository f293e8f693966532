"""cert-manager's Certificates: their names and addresses are kept, and nothing else of them."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from agent.cluster.api import Api
from agent.cluster.cert_manager import CERTIFICATES, LABEL, CertManager
from agent.cluster.connection import Kubeconfig
from agent.errors import ChangedMeanwhile, ClusterTrouble
from tests.cluster.fake_api import DOWN, FakeApi
from tests.cluster.kube_access import api_over
from tests.ground.control_plane import ControlPlane

NAMES = ["knative.registry.svc", "knative.registry.svc.cluster.local"]
ADDRESSES = [ip_address("10.96.0.50"), ip_address("fd00:10:96::50")]
CRD = "certificates.cert-manager.io"
SPEC = {
    "secretName": "registry-tls",
    "issuerRef": {"name": "own", "kind": "Issuer"},
    "dnsNames": NAMES[:1],
    "privateKey": {"rotationPolicy": "Always"},
}

pytestmark = pytest.mark.realcluster


@pytest.fixture
def api(control_plane: ControlPlane) -> Iterator[Api]:
    with api_over(Kubeconfig(control_plane.kubeconfig)) as made:
        yield made


@pytest.fixture
def _cert_manager(control_plane: ControlPlane) -> Iterator[None]:
    """cert-manager's kind, without cert-manager."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": anything}
    spec = {
        "group": "cert-manager.io",
        "scope": "Namespaced",
        "names": {"kind": "Certificate", "plural": "certificates"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    control_plane.kubectl.apply({**kind, "metadata": {"name": CRD}, "spec": spec})
    control_plane.kubectl("wait", f"crd/{CRD}", "--for=condition=Established")
    yield
    control_plane.kubectl("delete", "crd", CRD)


def certificate(name: str, *, label: str = "true") -> dict[str, Any]:
    metadata = {"name": name, "labels": {LABEL: label}}
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": metadata,
        "spec": SPEC,
    }


@pytest.mark.usefixtures("_cert_manager")
class TestCertificate:
    def test_that_is_labelled_is_kept_for_the_addresses_and_names_of_the_services(
        self, api: Api, namespace: str
    ) -> None:
        path = CERTIFICATES.format(namespace)
        api.create(path, certificate("registry"))
        api.create(path, certificate("other", label="false"))
        manager = CertManager(api, namespaces=[namespace])
        [seen] = manager.certificates()
        assert (str(seen), seen.secret) == (f"Certificate {namespace}/registry", "registry-tls")
        assert (seen.dns_names, seen.ip_addresses) == (tuple(NAMES[:1]), ())
        assert manager.keep(seen, names=NAMES[::-1], addresses=ADDRESSES[::-1])
        stored: Any = api.get(f"{path}/registry")
        kept = {"dnsNames": NAMES, "ipAddresses": ["10.96.0.50", "fd00:10:96::50"]}
        assert stored["spec"] == {**SPEC, **kept}

    def test_that_is_right_is_not_written(self, api: Api, namespace: str) -> None:
        path = CERTIFICATES.format(namespace)
        api.create(path, certificate("registry"))
        manager = CertManager(api, namespaces=[namespace])
        [seen] = manager.certificates()
        manager.keep(seen, names=NAMES, addresses=ADDRESSES)
        [kept] = manager.certificates()
        assert not manager.keep(kept, names=NAMES[::-1], addresses=ADDRESSES[::-1])
        assert manager.certificates() == (kept,)

    def test_without_any_registry_is_left_as_it_is(self, api: Api, namespace: str) -> None:
        api.create(CERTIFICATES.format(namespace), certificate("registry"))
        manager = CertManager(api, namespaces=[namespace])
        [seen] = manager.certificates()
        assert not manager.keep(seen, names=[], addresses=[])
        assert manager.certificates() == (seen,)

    def test_that_changed_meanwhile_is_looked_at_again(self, api: Api, namespace: str) -> None:
        path = CERTIFICATES.format(namespace)
        api.create(path, certificate("registry"))
        manager = CertManager(api, namespaces=[namespace])
        [seen] = manager.certificates()
        with pytest.raises(ChangedMeanwhile):
            manager.keep(replace(seen, version="1"), names=NAMES, addresses=ADDRESSES)


def test_without_cert_manager_there_is_nothing_to_keep(api: Api, namespace: str) -> None:
    assert CertManager(api, namespaces=[namespace]).certificates() == ()


def test_without_the_right_there_is_nothing_to_keep(control_plane: ControlPlane) -> None:
    nobody = control_plane.write_kubeconfig("nobody")
    with api_over(Kubeconfig(nobody)) as api:
        assert CertManager(api, namespaces=["registry"]).certificates() == ()


def test_an_api_server_out_of_reach_is_told() -> None:
    api = FakeApi(failing={CERTIFICATES.format("registry"): DOWN})
    with pytest.raises(ClusterTrouble):
        CertManager(api, namespaces=["registry"]).certificates()
