"""The trust controller with the rights of its manifests and no others: nothing is refused to it."""

from pathlib import Path

import pytest

from agent.cluster.leadership import NAME, PHASE
from tests.ground.namespaces import wait_until
from tests.manifests.cluster import Cluster
from tests.manifests.issuer import BUNDLE, TRUST, WANTS_PUSH, WANTS_TRUST, issuing, namespace

pytestmark = pytest.mark.realcluster


@pytest.fixture
def wants(cluster: Cluster) -> str:
    """A namespace that wants every copy."""
    return namespace(cluster, WANTS_TRUST, WANTS_PUSH)


def test_an_empty_cluster_comes_to_have_all_of_it(
    cluster: Cluster, wants: str, tmp_path: Path
) -> None:
    with issuing(cluster, tmp_path) as controller:
        check_that_all_comes_to_be(cluster, wants)
    assert controller.problems() == []
    assert "orbidden" not in controller.log.read_text()


def check_that_all_comes_to_be(cluster: Cluster, wants: str) -> None:
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
