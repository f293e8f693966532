"""The value of `--trust-bundle`: where the CA certificates are published.

Three forms, told apart by what stands before the first colon; the rest may hold colons itself,
as the name of a ClusterTrustBundle with a signer does. Pure, so that settings can refuse a bad one
before anything starts.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

DEFAULT_KEY = "ca.crt"

_NAMESPACE = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_NAME = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"
_CONFIG_MAP = re.compile(rf"({_NAMESPACE})/({_NAME})(?::([-._a-zA-Z0-9]{{1,253}}))?")
_CLUSTER_TRUST_BUNDLE = re.compile(r"[a-z0-9](?:[-a-z0-9.:]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapReference:
    """`configmap:NAMESPACE/NAME[:KEY]`. `text` is the reference as it was given."""

    text: str
    namespace: str
    name: str
    key: str = DEFAULT_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTrustBundleReference:
    """`clustertrustbundle:NAME`, of group certificates.k8s.io. `text` as it was given."""

    text: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReference:
    """`file:PATH`, on the agent's own file system. `text` as it was given."""

    text: str
    path: str


TrustReference: TypeAlias = ConfigMapReference | ClusterTrustBundleReference | FileReference


def parse_trust_reference(text: str) -> TrustReference:
    """Read one reference, without its `NS=`. Raises ValueError with words for the user."""
    kind, _, rest = text.partition(":")
    match kind:
        case "configmap":
            found = _CONFIG_MAP.fullmatch(rest)
            if found is None:
                raise ValueError(f"{text!r} is not configmap:NAMESPACE/NAME or with :KEY behind")
            return ConfigMapReference(
                text=text, namespace=found[1], name=found[2], key=found[3] or DEFAULT_KEY
            )
        case "clustertrustbundle":
            if not _CLUSTER_TRUST_BUNDLE.fullmatch(rest):
                raise ValueError(f"{text!r} is not clustertrustbundle:NAME")
            return ClusterTrustBundleReference(text=text, name=rest)
        case "file":
            if not rest or "\0" in rest:
                raise ValueError(f"{text!r} is not file:PATH")
            return FileReference(text=text, path=rest)
        case _:
            raise ValueError(f"{text!r} begins with none of configmap:, clustertrustbundle:, file:")
