"""What the trust controller may not do with its rights: RBAC cannot say so, the fence does.

Each refusal is tried with the rights of the manifests, and again with every right there is: then
nothing but the admission policy stands in the way.
"""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.pod_notes import CERTIFICATE
from tests.ground.certificates import Authority
from tests.ground.kubectl import Object
from tests.ground.namespaces import wait_until
from tests.manifests.cluster import AgentApi, Cluster
from tests.manifests.issuer import (
    ISSUER,
    OF_PUSH,
    OURS,
    PODS,
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

pytestmark = pytest.mark.realcluster

LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{TRUST}/leases"
BUNDLES = "/apis/certificates.k8s.io/v1/clustertrustbundles"
CA = Authority.create()
LEAF = CA.issue(dns=["knative.registry.svc"])
PAIR = {
    "tls.crt": b64encode(LEAF.chain_pem.encode()).decode(),
    "tls.key": b64encode(LEAF.key_pem.encode()).decode(),
}
TLS = {"type": "kubernetes.io/tls", "data": PAIR}
PUSH = {"type": OF_PUSH, "stringData": {".dockerconfigjson": '{"auths": {}}'}}
FOREVER = {"finalizers": ["example.com/forever"]}
OWNED = {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "a", "uid": "a-uid"}]}


@pytest.fixture(scope="module", params=["the rights of the manifests", "every right"])
def issuer(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[AgentApi]:
    """Once as deployed, and once so that only the admission policy stands in the way."""
    with fenced(cluster) as api:
        if request.param == "the rights of the manifests":
            yield api
            return
        account = ("--clusterrole=cluster-admin", f"--serviceaccount={TRUST}:{ISSUER}")
        cluster.kubectl("create", "clusterrolebinding", "every-right-to-issue", *account)
        wait_until(lambda: reads_secrets(api), what="the trust controller has every right")
        yield api
        cluster.kubectl("delete", "clusterrolebinding", "every-right-to-issue")
        wait_until(lambda: not reads_secrets(api), what="it has its own rights again")


def reads_secrets(api: AgentApi) -> bool:
    try:
        api.get(secrets("kube-system"))
    except ApiRefusedError:
        return False
    return True


def token(name: str) -> Object:
    """What the API server would put a token of that account into."""
    account = {"kubernetes.io/service-account.name": "default"}
    made = thing(name, type="kubernetes.io/service-account-token")
    made["metadata"]["annotations"] = account
    return made


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (secrets("kube-system"), token("registry-push")),
        (secrets(TRUST), token("registry-ca")),
        (secrets("registry"), token("registry-tls")),
        (secrets("registry"), thing("other", **TLS)),
        (secrets(TRUST), thing("other")),
        (secrets(TRUST), thing("registry-tls", **TLS)),
        (secrets("default"), thing("registry-ca")),
        (secrets("default"), thing("registry-push", **PUSH)),
        (config_maps(TRUST), thing("extra")),
        (config_maps("registry"), thing("registry-trust")),
        (config_maps("kube-system"), thing("registry-trust")),
        (config_maps("kube-public"), thing("cluster-info")),
        (LEASES, thing("other")),
        (BUNDLES, thing("anything", spec={"trustBundle": CA.pem})),
    ],
    ids=lambda value: value if isinstance(value, str) else value["metadata"]["name"],
)
def test_it_makes_nothing_else(issuer: AgentApi, path: str, body: Object) -> None:
    assert POLICY in refusal(issuer, path, body)


@pytest.mark.parametrize("label", [WANTS_PUSH, WANTS_TRUST])
def test_in_a_namespace_that_wants_a_copy_it_makes_that_copy_only(
    cluster: Cluster, issuer: AgentApi, label: str
) -> None:
    where = namespace(cluster, label)
    other = {
        WANTS_PUSH: (config_maps(where), thing("registry-trust")),
        WANTS_TRUST: (secrets(where), thing("registry-push", **PUSH)),
    }
    assert POLICY in refusal(issuer, *other[label])
    assert POLICY in refusal(issuer, secrets(where), thing("more", **PUSH))
    assert POLICY in refusal(issuer, secrets(where), token("registry-push"))
    assert POLICY in refusal(issuer, config_maps(where), thing("more"))


@pytest.mark.parametrize("metadata", [{"labels": {}}, FOREVER, OWNED], ids=str)
def test_it_makes_nothing_that_is_not_its_own_or_that_nobody_could_delete(
    issuer: AgentApi, metadata: dict[str, Any]
) -> None:
    for path, body in ((secrets(TRUST), thing("registry-ca")), (config_maps(TRUST), thing(TRUST))):
        assert POLICY in refusal(
            issuer, path, {**body, "metadata": {**body["metadata"], **metadata}}
        )


def test_it_overwrites_nothing_of_somebody_elses(cluster: Cluster, issuer: AgentApi) -> None:
    kind = {"apiVersion": "v1", "kind": "Secret"}
    metadata = {"name": "registry-tls", "namespace": "registry"}
    cluster.kubectl.apply({**kind, **TLS, "metadata": metadata})
    path = f"{secrets('registry')}/registry-tls"
    assert POLICY in refusal(issuer, path, {"metadata": {"labels": OURS}})
    cluster.kubectl("delete", "secret", "registry-tls", "--namespace=registry")


def test_it_disowns_nothing(cluster: Cluster, issuer: AgentApi) -> None:
    issuer.create(secrets("registry"), thing("registry-tls", **TLS))
    path = f"{secrets('registry')}/registry-tls"
    assert POLICY in refusal(issuer, path, {"metadata": {"labels": dict.fromkeys(OURS)}})
    assert POLICY in refusal(issuer, path, {"metadata": FOREVER})
    issuer.patch(path, {"metadata": {"annotations": {"example.com/fine": "yes"}}})
    cluster.kubectl("delete", "secret", "registry-tls", "--namespace=registry")


class TestPod:
    @pytest.fixture
    def pod(self, cluster: Cluster) -> Iterator[str]:
        metadata = {
            "name": "a-registry",
            "namespace": "registry",
            "labels": {"app": "registry"},
            "annotations": {"example.com/kept": "yes"},
        }
        nothing_more = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        container = {"name": "registry", "image": "registry", "securityContext": nothing_more}
        spec = {"containers": [container], "securityContext": security}
        cluster.kubectl.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        )
        yield f"{PODS}/a-registry"
        delete = ("delete", "pod", "a-registry", "--namespace=registry")
        cluster.kubectl(*delete, "--force", "--grace-period=0")

    def test_gets_the_note(self, issuer: AgentApi, pod: str) -> None:
        for sha256 in ("ab" * 32, "cd" * 32):
            noted: Any = issuer.patch(pod, {"metadata": {"annotations": {CERTIFICATE: sha256}}})
            assert noted["metadata"]["annotations"][CERTIFICATE] == sha256

    @pytest.mark.parametrize(
        "change",
        [
            {"spec": {"activeDeadlineSeconds": 1}},
            {"metadata": {"labels": {"app": "other"}}},
            {"metadata": {"labels": {"more": "yes"}}},
            {"metadata": {"annotations": {"example.com/more": "yes"}}},
            {"metadata": {"annotations": {"example.com/kept": "no"}}},
            {"metadata": {"annotations": {"example.com/kept": None}}},
            {"metadata": FOREVER},
            {"metadata": OWNED},
        ],
        ids=str,
    )
    def test_gets_nothing_else(self, issuer: AgentApi, pod: str, change: Object) -> None:
        assert POLICY in refusal(issuer, pod, change)

    def test_keeps_its_image(self, issuer: AgentApi, pod: str) -> None:
        found: Any = issuer.get(PODS)["items"]
        [whole] = (item for item in found if item["metadata"]["name"] == "a-registry")
        whole["spec"]["containers"][0]["image"] = "evil"
        assert POLICY in refusal(issuer, pod, {"spec": whole["spec"]})
