"""Kubernetes objects, as plain mappings out of JSON or YAML, turned into our own at the door.

The mappings come from files that people edit and from an API server that may be newer than we
are, so nothing about their types is assumed: what is used and is not of the right type is
refused with its field named, and what is not used is not looked at. Whether the object makes
sense is for planning to judge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from agent.errors import BadInput, Problem, Reason
from agent.planning.model import MAX_PORT, BundleObject, RegistryName, ServiceObject, ServicePort
from agent.planning.trust_reference import ClusterTrustBundleReference, ConfigMapReference

Document: TypeAlias = Mapping[str, object]

PREFIX = "registry-node-agent.internal/"
REGISTRY_LABEL = PREFIX + "registry"
APPLY_HELD = PREFIX + "apply-held"
REVOKED_KEY = "revoked"

SERVICE, CONFIG_MAP, CLUSTER_TRUST_BUNDLE = "Service", "ConfigMap", "ClusterTrustBundle"

_CERTIFICATES_GROUP = "certificates.k8s.io/"
_PORTS = range(1, MAX_PORT + 1)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ObjectName:
    """What makes an object the same one: kind, namespace ("" where there is none), name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {where}"


def object_name(document: Document, *, where: str) -> ObjectName | None:
    """Name an object of a kind that is read here; None for every other kind.

    Raises BadInput (bad-manifest) when the document is no Kubernetes object at all.
    """
    version = _text(document, "apiVersion", where, path="")
    kind = _text(document, "kind", where, path="")
    if not version or not kind:
        raise _bad(where, "apiVersion or kind", "missing: this is no Kubernetes object")
    core = version == "v1" and kind in {SERVICE, CONFIG_MAP}
    if not core and not (version.startswith(_CERTIFICATES_GROUP) and kind == CLUSTER_TRUST_BUNDLE):
        return None
    metadata = _mapping(document, "metadata", where, path="")
    name = _text(metadata, "name", where, path="metadata.")
    namespace = _text(metadata, "namespace", where, path="metadata.") if core else ""
    if not name:
        raise _bad(where, "metadata.name", "missing")
    return ObjectName(kind=kind, namespace=namespace, name=name)


def has_registry_label(document: Document) -> bool:
    """Whether the registry label is there, with whatever value; false when nothing can be said."""
    metadata = document.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    return isinstance(labels, Mapping) and REGISTRY_LABEL in labels


def read_service(document: Document, *, where: str) -> ServiceObject:
    """Read a Service that has the registry label. `where` names the place in messages.

    Raises BadInput (bad-manifest) naming the field that has the wrong type or is missing.
    """
    metadata = _mapping(document, "metadata", where, path="")
    labels = _mapping(metadata, "labels", where, path="metadata.")
    registry = RegistryName(
        namespace=_required(metadata, "namespace", where), name=_required(metadata, "name", where)
    )
    spec = _mapping(document, "spec", where, path="")
    return ServiceObject(
        registry=registry,
        label=_text(labels, REGISTRY_LABEL, where, path="metadata.labels."),
        type=_text(spec, "type", where, path="spec.") or "ClusterIP",
        cluster_ips=_cluster_ips(spec, where),
        ports=_ports(spec, where),
        apply_held=_apply_held(metadata, where),
    )


def read_config_map(
    document: Document, *, reference: ConfigMapReference, where: str
) -> BundleObject:
    """Read the ConfigMap that a reference names; without the key, the bundle is empty.

    Raises BadInput (bad-manifest) naming the field that has the wrong type.
    """
    data = _mapping(document, "data", where, path="")
    if reference.key in _mapping(document, "binaryData", where, path=""):
        raise _bad(where, f"binaryData.{reference.key}", "is not text: publish PEM under data")
    return BundleObject(
        where=f"ConfigMap {reference.namespace}/{reference.name}, key {reference.key}",
        pem=_text(data, reference.key, where, path="data."),
        revoked=_text(data, REVOKED_KEY, where, path="data."),
        apply_held=_apply_held(_mapping(document, "metadata", where, path=""), where),
    )


def read_cluster_trust_bundle(
    document: Document, *, reference: ClusterTrustBundleReference, where: str
) -> BundleObject:
    """Read the ClusterTrustBundle that a reference names.

    Raises BadInput (bad-manifest) naming the field that has the wrong type.
    """
    spec = _mapping(document, "spec", where, path="")
    return BundleObject(
        where=f"ClusterTrustBundle {reference.name}",
        pem=_text(spec, "trustBundle", where, path="spec."),
        apply_held=_apply_held(_mapping(document, "metadata", where, path=""), where),
    )


def _cluster_ips(spec: Document, where: str) -> tuple[str, ...]:
    listed = _sequence(spec, "clusterIPs", where)
    if not listed:
        single = _text(spec, "clusterIP", where, path="spec.")
        return (single,) if single else ()
    for position, address in enumerate(listed):
        if not isinstance(address, str):
            raise _wrong(where, f"spec.clusterIPs[{position}]", "a string", address)
    return tuple(str(address) for address in listed)


def _ports(spec: Document, where: str) -> tuple[ServicePort, ...]:
    ports = []
    for position, entry in enumerate(_sequence(spec, "ports", where)):
        path = f"spec.ports[{position}]"
        if not isinstance(entry, Mapping):
            raise _wrong(where, path, "a mapping", entry)
        port = cast("Document", entry)
        number = port.get("port")
        if not isinstance(number, int) or isinstance(number, bool) or number not in _PORTS:
            raise _wrong(where, f"{path}.port", "a number from 1 to 65535", number)
        ports.append(
            ServicePort(
                number=number,
                name=_text(port, "name", where, path=f"{path}."),
                protocol=_text(port, "protocol", where, path=f"{path}.") or "TCP",
                app_protocol=_text(port, "appProtocol", where, path=f"{path}."),
            )
        )
    return tuple(ports)


def _apply_held(metadata: Document, where: str) -> str:
    annotations = _mapping(metadata, "annotations", where, path="metadata.")
    return _text(annotations, APPLY_HELD, where, path="metadata.annotations.")


def _required(metadata: Document, field: str, where: str) -> str:
    value = _text(metadata, field, where, path="metadata.")
    if not value:
        raise _bad(where, f"metadata.{field}", "missing")
    return value


def _mapping(parent: Document, field: str, where: str, *, path: str) -> Document:
    """Return a mapping; a missing or null one is empty, as the API server has it."""
    value = parent.get(field)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(where, f"{path}{field}", "a mapping", value)
    return cast("Document", value)


def _sequence(spec: Document, field: str, where: str) -> list[object]:
    value = spec.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(where, f"spec.{field}", "a list", value)
    return value


def _text(parent: Document, field: str, where: str, *, path: str) -> str:
    """Return a string; a missing or null one is empty, as the API server has it."""
    value = parent.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(where, f"{path}{field}", "a string (in quotes)", value)
    return value


def _wrong(where: str, field: str, wanted: str, found: object) -> BadInput:
    kinds = {bool: "true or false", type(None): "nothing", dict: "a mapping", list: "a list"}
    shown = kinds.get(type(found)) or ascii(found)[:40]
    return _bad(where, field, f"must be {wanted}, not {shown}")


def _bad(where: str, field: str, detail: str) -> BadInput:
    return BadInput(Problem(reason=Reason.BAD_MANIFEST, where=where, detail=f"{field}: {detail}"))
