"""The Service and ConfigMap objects, written into a directory as a user would write them."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import yaml

LABEL = "registry-node-agent.internal/registry"
PORTS = (MappingProxyType({"name": "https", "port": 443, "protocol": "TCP"}),)
NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Manifests:
    """A directory for `--manifests`; each object is a file, replaced atomically."""

    directory: Path

    def service(
        self,
        *,
        cluster_ips: Sequence[str],
        name: str = "knative",
        namespace: str = "registry",
        ports: Sequence[Mapping[str, object]] = PORTS,
        label: str | None = "true",
        annotations: Mapping[str, str] = NONE,
        spec: Mapping[str, object] = NONE,
    ) -> Path:
        """Write a Service; `spec` adds or replaces fields of its spec."""
        labels = {} if label is None else {LABEL: label}
        fields: dict[str, object] = {
            "type": "ClusterIP",
            "clusterIPs": list(cluster_ips),
            "ports": [dict(port) for port in ports],
        }
        if cluster_ips:
            fields["clusterIP"] = cluster_ips[0]
        content = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata(name, namespace, labels, annotations),
            "spec": fields | dict(spec),
        }
        return self.write(f"service-{namespace}-{name}.yaml", to_yaml(content))

    def trust_bundle(
        self,
        pem: str,
        *,
        revoked: str | None = None,
        name: str = "registry-trust",
        namespace: str = "registry-trust",
        key: str = "ca.crt",
        annotations: Mapping[str, str] = NONE,
    ) -> Path:
        """Write the ConfigMap with the CA certificates."""
        data = {key: pem} if revoked is None else {key: pem, "revoked": revoked}
        content = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(name, namespace, {}, annotations),
            "data": data,
        }
        return self.write(f"configmap-{namespace}-{name}.yaml", to_yaml(content))

    def write(self, name: str, text: str) -> Path:
        """Put any text into the directory under a name, whole at once."""
        self.directory.mkdir(parents=True, exist_ok=True)
        place = self.directory / name
        handle, beside = tempfile.mkstemp(prefix=".", suffix="~", dir=self.directory)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(beside).replace(place)
        return place

    def delete(self, name: str) -> None:
        """Take an object's file away."""
        (self.directory / name).unlink()


def to_yaml(content: Mapping[str, object]) -> str:
    """As a person would write it: keys in their order, PEM as a block of lines."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False)


class _Dumper(yaml.SafeDumper):
    """Long texts as literal blocks."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _block)


def _metadata(
    name: str, namespace: str, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, object]:
    metadata: dict[str, object] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    return metadata
