"""The trust controller with the rights of its manifests and no others: nothing is refused to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cluster.leadership import NAME, PHASE
from tests.ground.namespaces import wait_until
from tests.manifests.agents import Live, live
from tests.manifests.cluster import Cluster
from tests.manifests.issuer import ISSUER, TRUST, WANTS_PUSH, WANTS_TRUST, fenced, namespace

pytestmark = pytest.mark.realcluster

BUNDLE = "registry-node-agent.internal:serving:registry"


@pytest.fixture
def wants(cluster: Cluster) -> str:
    """A namespace that wants every copy."""
    return namespace(cluster, WANTS_TRUST, WANTS_PUSH)


@pytest.fixture
def issuing(cluster: Cluster, tmp_path: Path) -> Iterator[Live]:
    with fenced(cluster):
        kubeconfig = cluster.plane.write_service_account_kubeconfig(TRUST, ISSUER)
        with live("issue", tmp_path, "--kubeconfig", str(kubeconfig)) as running:
            yield running
    for where, things in {
        TRUST: "secret/registry-ca secret/registry-push-passwords configmap/registry-trust",
        "registry": "secret/registry-tls secret/registry-push",
        "kube-public": "configmap/local-registry-hosting",
        "default": f"clustertrustbundle/{BUNDLE}",
    }.items():
        cluster.kubectl("delete", *things.split(), f"--namespace={where}", "--ignore-not-found")
    cluster.kubectl("delete", "lease", NAME, f"--namespace={TRUST}", "--ignore-not-found")


def test_an_empty_cluster_comes_to_have_all_of_it(
    cluster: Cluster, issuing: Live, wants: str
) -> None:
    for where, thing in (
        (TRUST, "secret/registry-ca"),
        (TRUST, "configmap/registry-trust"),
        ("registry", "secret/registry-tls"),
        ("registry", "secret/registry-push"),
        (wants, "configmap/registry-trust"),
        (wants, "secret/registry-push"),
        ("kube-public", "configmap/local-registry-hosting"),
        ("default", f"clustertrustbundle/{BUNDLE}"),
    ):
        found = ("get", thing, f"--namespace={where}")
        wait_until(
            lambda found=found: cluster.kubectl.call(*found).returncode == 0,
            what=f"there is {thing} in {where}",
        )

    def is_steady() -> bool:
        lease = cluster.kubectl.get("lease", NAME, f"--namespace={TRUST}")
        return bool(lease["metadata"].get("annotations", {}).get(PHASE) == "steady")

    wait_until(is_steady, what="the Lease says so")
    assert issuing.problems() == []
    assert "orbidden" not in issuing.log.read_text()
