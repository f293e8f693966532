"""The examples for builders and Knative: one name in all of them; test_apply.py applies them."""

from pathlib import Path

import pytest
import yaml

from agent.planning.trust_sources import PUSH_LABEL, TRUST_LABEL
from tests.manifests.cluster import Cluster
from tests.manifests.kustomizations import DEPLOY, build

pytestmark = pytest.mark.realcluster

BUILDERS, KNATIVE = DEPLOY / "examples/builders", DEPLOY / "examples/knative"
HOST = "knative.registry.svc.cluster.local"
FILES = sorted(
    path
    for folder in (BUILDERS, KNATIVE)
    for path in folder.glob("*.yaml")
    if path.name not in {"kustomization.yaml", "namespace.yaml"}
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_uses_what_the_trust_controller_publishes(path: Path) -> None:
    text = path.read_text()
    documents = [document for document in yaml.safe_load_all(text) if document]
    assert documents
    published = ("registry-trust", "registry-node-agent.internal:serving:registry", HOST)
    assert any(name in str(documents) for name in published)
    assert "insecure" not in str(documents)


@pytest.mark.parametrize("path", sorted(BUILDERS.glob("[!kn]*.yaml")), ids=lambda path: path.stem)
def test_builders_push_to_the_one_name(path: Path) -> None:
    assert HOST in path.read_text()


def test_the_namespaces_of_builds_ask_for_bundle_and_password() -> None:
    namespaces = [thing for thing in build(BUILDERS) if thing["kind"] == "Namespace"]
    assert len(namespaces) == 2
    for namespace in namespaces:
        labels = namespace["metadata"]["labels"]
        assert (labels[TRUST_LABEL], labels[PUSH_LABEL]) == ("true", "true")


@pytest.mark.parametrize("name", ["controller", "controller-from-1.37"])
def test_an_api_server_takes_knatives_controller_with_it(cluster: Cluster, name: str) -> None:
    container = {"name": "controller", "image": "example.org/controller"}
    labels = {"app": f"controller-{len(name)}"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": labels["app"], "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    cluster.kubectl.apply(deployment)
    patch = ("--patch-file", str(KNATIVE / f"{name}.yaml"), "--namespace=default")
    done = cluster.kubectl.call("patch", f"deployment/{labels['app']}", *patch, "--output=yaml")
    assert done.returncode == 0, done.stderr
    spec = yaml.safe_load(done.stdout)["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == "example.org/controller"
    assert spec["containers"][0]["env"][0]["name"] == "SSL_CERT_DIR"
