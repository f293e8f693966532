"""Who tries to get more than is his from the trust controller, and what comes of it.

Each attempt is on a real API server, by somebody who has got the right to write the object.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from agent.cluster.connection import Kubeconfig
from agent.cluster.objects import REGISTRY_LABEL
from tests.cluster.kube_access import api_over
from tests.ground.certificates import Authority
from tests.ground.namespaces import wait_until
from tests.manifests.cluster import Cluster
from tests.manifests.issuer import BUNDLE, TRUST
from tests.manifests.issuing_scene import Scene, at_work

pytestmark = pytest.mark.realcluster

FOREIGN = Authority.create(name="somebody's own CA")


@pytest.fixture(scope="module")
def scene(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with at_work(cluster, tmp_path_factory.mktemp("issuer")) as made:
        yield made


class TestService:
    def test_in_a_namespace_that_is_not_allowed_is_in_no_certificate(self, scene: Scene) -> None:
        where = scene.cluster.plane.create_namespace()
        for namespace_, name in ((where, "stranger"), ("registry", "added")):
            metadata = {"name": name, "namespace": namespace_, "labels": {REGISTRY_LABEL: "true"}}
            spec = {"ports": [{"name": "https", "port": 443}]}
            scene.cluster.kubectl.apply(
                {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
            )
        wait_until(lambda: "added.registry.svc" in scene.served(), what="the other one is in it")
        assert not any("stranger" in name for name in scene.served())
        assert scene.objects.secret(where, "registry-tls") is None
        scene.cluster.kubectl("delete", "service", "added", "--namespace=registry")
        wait_until(lambda: "added.registry.svc" not in scene.served(), what="it is out again")


class TestBundle:
    @pytest.mark.parametrize("where", ["the bundle", "a copy"])
    @pytest.mark.parametrize(
        "edit",
        [
            {"ca.crt": FOREIGN.pem},
            {"ca.crt": ""},
            {"ca.crt": None},
            {"ca.crt": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
            {"builds.ca.crt": FOREIGN.pem},
            {"revoked": "ab" * 32},
        ],
        ids=["another CA", "empty", "none", "a private key", "a foreign bundle", "revoked"],
    )
    def test_that_somebody_edits_is_repaired_to_the_byte(
        self, scene: Scene, where: str, edit: dict[str, Any]
    ) -> None:
        before = scene.bundle
        place = TRUST if where == "the bundle" else scene.copy_in
        with api_over(Kubeconfig(scene.cluster.plane.kubeconfig)) as api:
            path = f"/api/v1/namespaces/{place}/configmaps/registry-trust"
            assert api.patch(path, {"data": edit}).get("data") != before
        wait_until(lambda: scene.bundle == before, what="the bundle is repaired")
        wait_until(lambda: scene.copy == before, what="the copy is repaired")

    def test_of_the_cluster_that_somebody_edits_is_repaired(self, scene: Scene) -> None:
        before = scene.cluster_bundle
        with api_over(Kubeconfig(scene.cluster.plane.kubeconfig)) as api:
            path = f"/apis/certificates.k8s.io/v1/clustertrustbundles/{BUNDLE}"
            api.patch(path, {"spec": {"trustBundle": FOREIGN.pem}})
        wait_until(lambda: scene.cluster_bundle == before, what="it is repaired")

    def test_gets_no_foreign_ca_that_came_with_its_key(self, scene: Scene) -> None:
        before = scene.bundle
        key = FOREIGN.issue(dns=["builds"]).key_pem
        extra = {"builds.crt": FOREIGN.pem + key, "other.crt": FOREIGN.pem}
        scene.cluster.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "extra", "namespace": TRUST},
                "data": extra,
            }
        )
        wait_until(lambda: "other.ca.crt" in scene.bundle, what="the good one is published")
        assert "builds.ca.crt" not in scene.bundle
        assert scene.bundle["ca.crt"] == before["ca.crt"]
        log = scene.controller.log
        wait_until(lambda: "bundle-has-private-key" in log.read_text(), what="it is told")
        assert key.splitlines()[1] not in log.read_text()
        scene.cluster.kubectl("delete", "configmap", "extra", f"--namespace={TRUST}")
        wait_until(lambda: scene.bundle == before, what="it is gone again")


def test_a_certificate_that_somebody_puts_into_the_secret_is_replaced(scene: Scene) -> None:
    before = scene.served()
    theirs = FOREIGN.issue(dns=["knative.registry.svc"])
    data = {"tls.crt": theirs.chain_pem, "tls.key": theirs.key_pem}
    with api_over(Kubeconfig(scene.cluster.plane.kubeconfig)) as api:
        path = "/api/v1/namespaces/registry/secrets/registry-tls"
        api.patch(path, {"stringData": data})
    wait_until(lambda: scene.certificate.issuer != FOREIGN.certificate.subject, what="ours is back")
    assert scene.served() == before
