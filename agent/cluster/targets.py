"""What the API server is asked for: one narrow selection of objects for each watch.

The bundle is selected by its name, in a list: of all the forms of access to one object this one
gives the version to watch from, and RBAC can grant it for that name alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never, cast

from agent.cluster.api import Api, Query
from agent.cluster.api_errors import ApiRefusedError, ApiUnreachableError
from agent.cluster.lookup import text_at, value_at
from agent.cluster.objects import (
    CLUSTER_TRUST_BUNDLE,
    CONFIG_MAP,
    REGISTRY_LABEL,
    SERVICE,
    Document,
)
from agent.planning.trust_reference import ClusterTrustBundleReference, ConfigMapReference

NOT_FOUND = 404

_BUNDLES = "/apis/certificates.k8s.io/{}/clustertrustbundles"
_BUNDLE_VERSIONS = ("v1", "v1beta1")  # the latter up to Kubernetes 1.36


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A selection of objects of one kind. `paths` are those of its API versions, newest first."""

    name: str
    kind: str
    paths: tuple[str, ...]
    selector: Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The answer to a LIST: the objects by their names, and the version to watch from."""

    objects: Mapping[str, Document]
    version: str
    path: str


def registry_services(namespace: str) -> Target:
    """The Services of a namespace that carry the registry label, with whatever value."""
    return Target(
        name=f"Services in {namespace}",
        kind=SERVICE,
        paths=(f"/api/v1/namespaces/{namespace}/services",),
        selector={"labelSelector": REGISTRY_LABEL},
    )


def bundle_object(reference: ConfigMapReference | ClusterTrustBundleReference) -> Target:
    """The one object that holds a trust bundle."""
    selector = {"fieldSelector": f"metadata.name={reference.name}"}
    match reference:
        case ConfigMapReference(namespace=namespace, name=name):
            return Target(
                name=f"ConfigMap {namespace}/{name}",
                kind=CONFIG_MAP,
                paths=(f"/api/v1/namespaces/{namespace}/configmaps",),
                selector=selector,
            )
        case ClusterTrustBundleReference(name=name):
            return Target(
                name=f"ClusterTrustBundle {name}",
                kind=CLUSTER_TRUST_BUNDLE,
                paths=tuple(_BUNDLES.format(version) for version in _BUNDLE_VERSIONS),
                selector=selector,
            )
        case _:
            assert_never(reference)


def list_objects(api: Api, target: Target) -> Listed:
    """A consistent LIST, of the newest version that the server has. Raises ApiError."""
    *newer, oldest = target.paths
    for path in newer:
        try:
            return _list(api, path, target)
        except ApiRefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise
    return _list(api, oldest, target)


def name_of(document: object) -> str:
    """The name in an object's metadata. Raises ApiUnreachableError: then it is no object."""
    metadata = document.get("metadata") if isinstance(document, Mapping) else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or not name:
        raise ApiUnreachableError("an object without a name")
    return name


def _list(api: Api, path: str, target: Target) -> Listed:
    """What an answer lacks is taken as gone: so it must be the whole list that was asked for."""
    answer = api.get(path, target.selector)
    items, version = answer.get("items", ...), text_at(answer, "metadata", "resourceVersion")
    if answer.get("kind") != f"{target.kind}List" or not isinstance(items, list | None):
        raise ApiUnreachableError(f"an answer that is no list of {target.kind} objects")
    if not version or value_at(answer, "metadata", "continue"):
        raise ApiUnreachableError("a list that is not whole, or has no version")
    objects = {name_of(item): cast("Document", item) for item in items or ()}
    return Listed(objects=objects, version=version, path=path)
