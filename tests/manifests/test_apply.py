"""`kubectl apply -k` of every kustomization, against a real API server."""

import json
from pathlib import Path

import pytest

from tests.manifests.cluster import AGENT, OWN, TURNS, Cluster
from tests.manifests.kustomizations import DEPLOY, build, kustomizations

pytestmark = pytest.mark.realcluster

BY_HAND = "--server-side=false"
BY_A_TOOL = "--server-side --force-conflicts --field-manager=gitops"
ENFORCE = "pod-security.kubernetes.io/enforce"
POLICIES = "validatingadmissionpolicies.admissionregistration.k8s.io"


@pytest.fixture(scope="module", autouse=True)
def _namespaces_of_builders(cluster: Cluster) -> None:
    """A dry run makes none; these warn of every pod that they would not let in."""
    for thing in build(DEPLOY / "examples/builders"):
        if thing["kind"] == "Namespace":
            name, labels = thing["metadata"]["name"], thing["metadata"]["labels"]
            cluster.kubectl("create", "namespace", name, "--save-config")
            warn = f"pod-security.kubernetes.io/warn={labels[ENFORCE]}"
            cluster.kubectl("label", "namespace", name, warn)


@pytest.mark.parametrize("directory", kustomizations(), ids=str)
@pytest.mark.parametrize("how", [BY_HAND, BY_A_TOOL])
def test_is_taken_without_a_warning(cluster: Cluster, directory: Path, how: str) -> None:
    path = DEPLOY.parent / directory
    done = cluster.kubectl.call("apply", *how.split(), "--dry-run=server", f"--kustomize={path}")
    assert done.stderr == ""
    assert done.returncode == 0


def test_applied_again_it_changes_nothing(cluster: Cluster) -> None:
    done = cluster.kubectl.call("diff", f"--kustomize={DEPLOY}")
    assert (done.returncode, done.stdout) == (0, "")


def test_applied_again_it_takes_no_turn_from_its_holder(cluster: Cluster) -> None:
    turn = ["lease", "restart-0", f"--namespace={TURNS}"]
    hold = json.dumps({"spec": {"holderIdentity": OWN}})
    cluster.kubectl("patch", *turn, "--type=merge", f"--patch={hold}")
    cluster.kubectl("apply", f"--kustomize={DEPLOY}")
    assert cluster.kubectl.get(*turn)["spec"]["holderIdentity"] == OWN


def test_the_api_server_finds_no_fault_in_the_fences(cluster: Cluster) -> None:
    policies = cluster.kubectl.get(POLICIES)["items"]
    assert {policy["metadata"]["name"] for policy in policies} == {
        f"{AGENT}-events",
        f"{AGENT}-leases",
        "registry-trust-issuer",
        "registry-trust-issuer-pods",
    }
    for policy in policies:
        assert policy["status"]["observedGeneration"] == policy["metadata"]["generation"]
        assert policy["status"]["typeChecking"] == {}


def test_there_is_no_key_and_no_bundle_in_it() -> None:
    for directory in kustomizations():
        for thing in build(DEPLOY.parent / directory):
            assert thing["kind"] != "Secret"
            assert "-----BEGIN" not in json.dumps(thing)


def test_every_namespace_says_what_pods_may_be_in_it() -> None:
    namespaces = [thing for thing in build() if thing["kind"] == "Namespace"]
    levels = {
        thing["metadata"]["name"]: thing["metadata"]["labels"][ENFORCE] for thing in namespaces
    }
    assert levels == {
        AGENT: "privileged",
        TURNS: "restricted",
        "registry": "restricted",
        "registry-trust": "restricted",
    }
    for thing in build():
        where = thing["metadata"].get("namespace")
        assert where in {None, "default", "kube-public", *levels}
