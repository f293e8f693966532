"""The trust controller's account on the cluster, with what `deploy/issuer` gives it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.connection import Connection, Kubeconfig
from agent.cluster.lookup import documents_at
from tests.ground.kubectl import Object
from tests.ground.namespaces import wait_until
from tests.manifests.agents import Live, live
from tests.manifests.cluster import AgentApi, Cluster

ISSUER, TRUST = "issuer", "registry-trust"
USER = f"system:serviceaccount:{TRUST}:{ISSUER}"
OURS = {"app.kubernetes.io/managed-by": "registry-node-agent"}
WANTS_TRUST, WANTS_PUSH = "registry-node-agent.internal/trust", "registry-node-agent.internal/push"
POLICY = "registry-trust-issuer"
PODS = "/api/v1/namespaces/registry/pods"
OF_PUSH = "kubernetes.io/dockerconfigjson"
BUNDLE = "registry-node-agent.internal:serving:registry"

_MADE = {
    TRUST: "secret/registry-ca secret/registry-push-passwords cm/registry-trust lease/issuer",
    "registry": "secret/registry-tls secret/registry-push",
    "kube-public": "configmap/local-registry-hosting",
    "default": f"clustertrustbundle/{BUNDLE}",
}


def secrets(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets"


def config_maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def thing(name: str, **fields: object) -> Object:
    """An object of ours."""
    return {"metadata": {"name": name, "labels": dict(OURS)}, **fields}


@contextmanager
def api_as_issuer(cluster: Cluster) -> Iterator[AgentApi]:
    """The API server as the trust controller has it."""
    kubeconfig = cluster.plane.write_service_account_kubeconfig(TRUST, ISSUER)
    connection = Connection(Kubeconfig(kubeconfig), user_agent="registry-node-agent/test")
    try:
        yield AgentApi(connection)
    finally:
        connection.close()


@contextmanager
def fenced(cluster: Cluster) -> Iterator[AgentApi]:
    """The API server as the trust controller has it, once its fences are up."""
    with api_as_issuer(cluster) as api:
        wait_until(lambda: is_fenced(api), what="the fences of the trust controller are up")
        yield api


@contextmanager
def issuing(cluster: Cluster, directory: Path) -> Iterator[Live]:
    """The trust controller at work with its own account; what it makes is gone afterwards."""
    kubeconfig = cluster.plane.write_service_account_kubeconfig(TRUST, ISSUER)
    _forget(cluster)  # what another test may have left
    try:
        with fenced(cluster), live("issue", directory, "--kubeconfig", str(kubeconfig)) as running:
            yield running
    finally:
        _forget(cluster)


def _forget(cluster: Cluster) -> None:
    for where, things in _MADE.items():
        names = (f"--namespace={where}", "--ignore-not-found")
        cluster.kubectl("delete", *things.split(), *names)


def is_fenced(api: AgentApi) -> bool:
    pod: Any = next(iter(documents_at(api.get(PODS), "items")))
    labelled = {"metadata": {"labels": {"forbidden": "yes"}}}
    for attempt in (
        lambda: api.create(f"{config_maps('default')}?dryRun=All", thing("forbidden")),
        lambda: api.patch(f"{PODS}/{pod['metadata']['name']}?dryRun=All", labelled),
    ):
        try:
            attempt()
        except ApiRefusedError as refusal:
            if POLICY in refusal.message:
                continue
        return False
    return True


def namespace(cluster: Cluster, *labels: str) -> str:
    """A new one with these labels, each `"true"`."""
    name = cluster.plane.create_namespace()
    for label in labels:
        cluster.kubectl("label", "namespace", name, f"{label}=true")
    return name


def refusal(api: AgentApi, path: str, body: Mapping[str, Any]) -> str:
    """What the API server says against making it or, where `path` is that of one, changing it."""
    is_new = "name" in body.get("metadata", {})
    with pytest.raises(ApiRefusedError) as refused:
        (api.create if is_new else api.patch)(path, body)
    assert refused.value.status == 403, refused.value
    return refused.value.message
