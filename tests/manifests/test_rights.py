"""What an agent may do on a real API server, and that it may do nothing else."""

import json
from typing import Any

import pytest

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.objects import Document
from tests.manifests.cluster import AGENT, OWN, TURNS, Cluster

pytestmark = pytest.mark.realcluster

SERVICES = "/api/v1/namespaces/registry/services"
LABELLED = {"labelSelector": "registry-node-agent.internal/registry"}
BUNDLES = "/api/v1/namespaces/registry-trust/configmaps"
THE_BUNDLE = {"fieldSelector": "metadata.name=registry-trust"}
CLUSTER_BUNDLES = "/apis/certificates.k8s.io/v1/clustertrustbundles"
RULES = {
    "registry": ("services", "", {"list", "watch"}),
    "registry-trust": ("configmaps", "registry-trust", {"list", "watch"}),
    AGENT: ("leases", "", {"get", "create", "patch"}),
    TURNS: ("leases", "", {"get", "update"}),
    "default": ("events", "", {"create"}),
}
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "more"},
    "roleRef": ROLE,
    "subjects": [{"kind": "ServiceAccount", "name": AGENT, "namespace": AGENT}],
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "more"},
    "spec": {"containers": [{"name": "more", "image": "more"}]},
}
TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "registry-trust"}}
CLUSTER_BUNDLE = {
    "apiVersion": "certificates.k8s.io/v1",
    "kind": "ClusterTrustBundle",
    "metadata": {"name": "more"},
    "spec": {"trustBundle": ""},
}


def rules(api: Api, namespace: str) -> list[Any]:
    """What the API server says that this caller may do there."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    status: Any = api.create(path, review)["status"]
    assert not status["incomplete"]
    return list(status["resourceRules"])


def watch(api: Api, path: str, query: dict[str, str]) -> None:
    """A watch that begins and ends at once."""
    asked = {**query, "watch": "true", "timeoutSeconds": "1"}
    with api.stream(path, asked, idle_seconds=10, max_seconds=10) as stream:
        list(stream)


def test_the_token_of_its_pod_says_which_node_it_is(cluster: Cluster) -> None:
    review = json.loads(cluster.as_agent()("auth", "whoami", "--output=json"))
    who = review["status"]["userInfo"]
    node = cluster.kubectl.get("node", OWN)
    assert who["username"] == f"system:serviceaccount:{AGENT}:{AGENT}"
    assert who["extra"]["authentication.kubernetes.io/node-name"] == [OWN]
    assert who["extra"]["authentication.kubernetes.io/node-uid"] == [node["metadata"]["uid"]]


@pytest.mark.parametrize("namespace", [*RULES, "kube-system"])
def test_it_has_one_rule_in_each_namespace_of_its_own_and_none_elsewhere(
    cluster: Cluster, agent: Api, namespace: str
) -> None:
    with cluster.api_as_nobody() as nobody:
        everybodys = rules(nobody, namespace)
    more = [rule for rule in rules(agent, namespace) if rule not in everybodys]
    got = [
        (resource, "".join(rule.get("resourceNames", [])), set(rule["verbs"]))
        for rule in more
        for resource in rule["resources"]
    ]
    assert got == ([RULES[namespace]] if namespace in RULES else [])


def test_it_may_list_and_watch_the_registry_services(agent: Api) -> None:
    assert agent.get(SERVICES, LABELLED)["kind"] == "ServiceList"
    watch(agent, SERVICES, LABELLED)


def test_it_may_list_and_watch_the_one_bundle(agent: Api) -> None:
    assert agent.get(BUNDLES, THE_BUNDLE)["kind"] == "ConfigMapList"
    watch(agent, BUNDLES, THE_BUNDLE)


def test_it_may_watch_cluster_trust_bundles_as_every_service_account_may(agent: Api) -> None:
    assert agent.get(CLUSTER_BUNDLES, THE_BUNDLE)["kind"] == "ClusterTrustBundleList"
    watch(agent, CLUSTER_BUNDLES, THE_BUNDLE)


@pytest.mark.parametrize(
    "path",
    [
        BUNDLES,
        f"{BUNDLES}/registry-trust",
        f"{BUNDLES}/kube-root-ca.crt",
        f"{SERVICES}/knative",
        "/api/v1/services",
        "/api/v1/namespaces/registry/secrets",
        "/api/v1/namespaces/registry-trust/secrets",
        f"/api/v1/namespaces/{AGENT}/secrets",
        f"/api/v1/namespaces/{AGENT}/pods",
        f"/api/v1/nodes/{OWN}",
        f"/apis/coordination.k8s.io/v1/namespaces/{AGENT}/leases",
        f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{OWN}",
        "/apis/events.k8s.io/v1/namespaces/default/events",
    ],
)
def test_it_may_read_nothing_else(agent: Api, path: str) -> None:
    with pytest.raises(ApiRefusedError) as refused:
        agent.get(path)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/api/v1/namespaces/{AGENT}/serviceaccounts/{AGENT}/token", TOKEN),
        ("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", BINDING),
        (f"/api/v1/namespaces/{AGENT}/pods", POD),
        (BUNDLES, CONFIG_MAP),
        (CLUSTER_BUNDLES, CLUSTER_BUNDLE),
    ],
    ids=["token", "binding", "pod", "trust-bundle", "cluster-trust-bundle"],
)
def test_it_cannot_get_more(agent: Api, path: str, body: Document) -> None:
    with pytest.raises(ApiRefusedError) as refused:
        agent.create(path, body)
    assert refused.value.status == 403
