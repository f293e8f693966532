"""What the trust controller may do on a real API server: all that it does, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.cluster_bundle import ClusterBundle
from agent.cluster.fleet_reader import FleetReader
from agent.cluster.leadership import Leadership
from agent.cluster.pod_notes import PodNotes
from agent.cluster.signing_requests import REQUESTS
from agent.cluster.stored_objects import Objects
from agent.cluster.trust_sources import TrustSources
from agent.node.clock import SystemClock
from agent.planning.fleet import NOT_SELECTED
from agent.planning.stored_objects import DOCKER_CONFIG, OPAQUE, TLS, ConfigMapObject, SecretObject
from agent.planning.trust_sources import PUSH_LABEL, TRUST_LABEL
from tests.ground.certificates import Authority
from tests.ground.kubectl import Object
from tests.manifests.cluster import AGENT, OWN, AgentApi, Cluster
from tests.manifests.issuer import (
    POLICY,
    TRUST,
    WANTS_PUSH,
    WANTS_TRUST,
    config_maps,
    fenced,
    namespace,
    refusal,
    secrets,
    thing,
)
from tests.manifests.test_rights import rules

pytestmark = pytest.mark.realcluster

BUNDLE = "registry-node-agent.internal:serving:registry"
SIGNER = "registry-node-agent.internal/serving"
CA = Authority.create()
LEAF = CA.issue(dns=["knative.registry.svc"])
PAIR = {"tls.crt": LEAF.chain_pem.encode(), "tls.key": LEAF.key_pem.encode()}
TEXTS = {key: value.decode() for key, value in PAIR.items()}
PUSH = {".dockerconfigjson": b'{"auths": {}}'}
EVERYWHERE = {
    ("namespaces", "", "list"),
    ("nodes", "", "list"),
    ("servicecidrs", "", "list"),
    ("configmaps", "registry-trust", "get patch"),
    ("secrets", "registry-push", "get patch"),
    ("secrets", "", "create"),
    ("configmaps", "", "create"),
    ("clustertrustbundles", BUNDLE, "get patch"),
    ("clustertrustbundles", "", "create"),
    ("signers", SIGNER, "attest"),
}
HERE = {
    TRUST: {
        ("secrets", "registry-ca registry-push-passwords", "get patch"),
        ("configmaps", "extra", "get"),
        ("leases", "issuer", "get patch"),
        ("leases", "", "create"),
    },
    "registry": {
        ("services", "", "list"),
        ("pods", "", "list patch"),
        ("secrets", "registry-tls", "get patch"),
    },
    "kube-public": {("configmaps", "local-registry-hosting", "get patch")},
    AGENT: {("leases", "", "list"), ("daemonsets", "", "list")},
    "kube-system": set(),
    "default": set(),
}


@pytest.fixture(scope="module")
def issuer(cluster: Cluster) -> Iterator[AgentApi]:
    """The API server as the trust controller has it."""
    with fenced(cluster) as api:
        yield api


@pytest.fixture
def objects(issuer: AgentApi) -> Objects:
    return Objects(issuer)


@pytest.mark.parametrize("where", HERE)
def test_it_has_these_rules_in_each_namespace_and_none_more(
    cluster: Cluster, issuer: AgentApi, where: str
) -> None:
    with cluster.api_as_nobody() as nobody:
        everybodys = rules(nobody, where)
    got = {
        (resource, " ".join(sorted(rule.get("resourceNames", []))), " ".join(sorted(rule["verbs"])))
        for rule in rules(issuer, where)
        if rule not in everybodys
        for resource in rule["resources"]
    }
    assert got == EVERYWHERE | HERE[where]


@pytest.mark.parametrize(
    ("where", "name", "kind", "data"),
    [
        (TRUST, "registry-ca", OPAQUE, {"current.crt": CA.pem.encode()}),
        (TRUST, "registry-push-passwords", OPAQUE, {"current": b"a-password"}),
        ("registry", "registry-tls", TLS, PAIR),
        ("registry", "registry-push", OPAQUE, {"htpasswd": b"push:{SSHA}"}),
        (WANTS_PUSH, "registry-push", DOCKER_CONFIG, PUSH),
    ],
)
def test_it_makes_and_changes_its_secrets(
    cluster: Cluster, objects: Objects, where: str, name: str, kind: str, data: dict[str, bytes]
) -> None:
    where = namespace(cluster, where) if where == WANTS_PUSH else where
    wanted = SecretObject(namespace=where, name=name, type=kind, data=data)
    assert objects.secret(where, name) is None
    made = objects.put_secret(wanted, over=None)
    changed = objects.put_secret(replace(wanted, data={**data, "more": b"x"}), over=made)
    assert objects.secret(where, name) == changed
    cluster.kubectl("delete", "secret", name, f"--namespace={where}")


@pytest.mark.parametrize(
    ("where", "name"),
    [(TRUST, "registry-trust"), ("kube-public", "local-registry-hosting"), (WANTS_TRUST, TRUST)],
)
def test_it_makes_and_changes_its_config_maps(
    cluster: Cluster, objects: Objects, where: str, name: str
) -> None:
    where = namespace(cluster, where) if where == WANTS_TRUST else where
    wanted = ConfigMapObject(namespace=where, name=name, data={"ca.crt": CA.pem})
    assert objects.config_map(where, name) is None
    made = objects.put_config_map(wanted, over=None)
    changed = objects.put_config_map(replace(wanted, data={}), over=made)
    assert objects.config_map(where, name) == changed
    cluster.kubectl("delete", "configmap", name, f"--namespace={where}")


def test_it_reads_what_it_goes_by(cluster: Cluster, issuer: AgentApi, objects: Objects) -> None:
    sources = TrustSources(issuer, namespaces=["registry"])
    assert [str(item.service.registry) for item in sources.services().services] == [
        "registry/knative"
    ]
    assert sources.service_ranges()
    wants = namespace(cluster, WANTS_TRUST, WANTS_PUSH)
    assert wants in sources.namespaces(TRUST_LABEL)
    assert wants in sources.namespaces(PUSH_LABEL)
    assert objects.config_map(TRUST, "extra") is None


def test_it_sees_which_nodes_count(issuer: AgentApi, cluster: Cluster) -> None:
    cluster.add_node("windows-1", **{"kubernetes.io/os": "windows"})
    try:
        fleet = FleetReader(issuer, SystemClock()).read()
    finally:
        cluster.kubectl("delete", "node", "windows-1")
    assert fleet.names(NOT_SELECTED) == ("windows-1",)
    assert OWN in {row.node for row in fleet.rows}


def test_it_leads_and_lets_another_lead(issuer: AgentApi) -> None:
    leadership = Leadership(issuer, identity="this one", clock=SystemClock(), changed=lambda: None)
    for _ in range(2):
        leadership.tend()
        assert leadership.problem is None
        assert leadership.is_leader
    leadership.close()
    assert leadership.problem is None


def test_it_notes_a_certificate_on_the_registrys_pods(issuer: AgentApi) -> None:
    labels = {"app.kubernetes.io/name": "registry"}
    notes = PodNotes(issuer)
    assert notes.note_certificate("registry", selector=labels, sha256="ab" * 32)
    assert notes.note_certificate("registry", selector=labels, sha256="cd" * 32)


def test_it_publishes_the_cluster_trust_bundle(cluster: Cluster, issuer: AgentApi) -> None:
    bundle = ClusterBundle(issuer, SystemClock())
    made = bundle.put(CA.pem, over=None)
    assert bundle.put(Authority.create(name="next").pem + CA.pem, over=made) == bundle.read()
    cluster.kubectl("delete", "clustertrustbundle", BUNDLE)


@pytest.mark.parametrize(
    "path",
    [
        secrets("kube-system"),
        secrets(TRUST),
        secrets("registry"),
        f"{secrets('registry')}/other",
        f"{secrets('kube-system')}/registry-tls",
        f"{secrets('kube-system')}/registry-ca",
        config_maps(TRUST),
        f"{config_maps('kube-system')}/extension-apiserver-authentication",
        f"{config_maps('kube-system')}/extra",
        "/api/v1/pods",
        "/api/v1/services",
        f"/apis/coordination.k8s.io/v1/namespaces/{TRUST}/leases",
        REQUESTS,
        "/apis/apps/v1/namespaces/registry/deployments",
    ],
)
def test_it_reads_nothing_else(issuer: AgentApi, path: str) -> None:
    with pytest.raises(ApiRefusedError) as refused:
        issuer.get(path)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "body",
    [thing("registry-tls", type=TLS, stringData=TEXTS), thing("registry-push")],
    ids=["certificate", "passwords"],
)
def test_it_makes_secrets_of_a_registry_only_where_it_may_write_certificates(
    issuer: AgentApi, body: Object
) -> None:
    assert POLICY in refusal(issuer, secrets("default"), body)
