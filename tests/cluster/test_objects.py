"""Objects come with whatever types people and servers give them: used or refused, never a bug."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cluster.objects import (
    ObjectName,
    has_registry_label,
    object_name,
    read_cluster_trust_bundle,
    read_config_map,
    read_service,
)
from agent.errors import BadInput, Reason
from agent.planning.model import BundleObject, RegistryName, ServiceObject, ServicePort
from agent.planning.trust_reference import ClusterTrustBundleReference, ConfigMapReference

SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "knative",
        "namespace": "registry",
        "labels": {"registry-node-agent.internal/registry": "true"},
        "annotations": {"registry-node-agent.internal/apply-held": "10.96.0.51"},
    },
    "spec": {
        "type": "ClusterIP",
        "clusterIP": "10.96.0.50",
        "clusterIPs": ["10.96.0.50", "fd00::50"],
        "ports": [
            {"name": "https", "port": 443, "protocol": "TCP", "appProtocol": "https"},
            {"port": 5000},
        ],
    },
}
CONFIG_MAP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "trust", "namespace": "ns"},
    "data": {"ca.crt": "PEM", "revoked": "ab"},
}
TRUST = ConfigMapReference(text="configmap:ns/trust", namespace="ns", name="trust")
CTB = ClusterTrustBundleReference(text="clustertrustbundle:a:b", name="a:b")


def changed(document: Mapping[str, Any], path: str, value: object) -> dict[str, Any]:
    """Copy a document with one field set; a list's items are named by their number."""
    result = copy.deepcopy(dict(document))
    *parents, last = path.split("|")
    place: Any = result
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    place[last] = value
    return result


def refusal_of_service(document: Mapping[str, Any]) -> str:
    with pytest.raises(BadInput) as refused:
        read_service(document, where="a.yaml:1")
    assert refused.value.problem.reason == Reason.BAD_MANIFEST
    assert refused.value.problem.where == "a.yaml:1"
    return refused.value.problem.detail


def test_a_service_is_read() -> None:
    assert read_service(SERVICE, where="") == ServiceObject(
        registry=RegistryName(namespace="registry", name="knative"),
        label="true",
        type="ClusterIP",
        cluster_ips=("10.96.0.50", "fd00::50"),
        ports=(
            ServicePort(number=443, name="https", protocol="TCP", app_protocol="https"),
            ServicePort(number=5000),
        ),
        apply_held="10.96.0.51",
    )


def test_what_is_missing_or_null_is_empty_and_for_planning_to_judge() -> None:
    for document in (changed(SERVICE, "spec", None), changed(SERVICE, "spec", {})):
        service = read_service(document, where="")
        assert (service.type, service.cluster_ips, service.ports) == ("ClusterIP", (), ())


def test_the_single_cluster_ip_counts_where_the_list_is_missing() -> None:
    spec = {"clusterIP": "None"}

    assert read_service(changed(SERVICE, "spec", spec), where="").cluster_ips == ("None",)


@pytest.mark.parametrize(
    ("path", "value", "detail"),
    [
        ("metadata|name", None, "metadata.name: missing"),
        ("metadata|name", 5, "metadata.name: must be a string (in quotes), not 5"),
        ("metadata|namespace", "", "metadata.namespace: missing"),
        ("metadata", "x", "metadata: must be a mapping, not 'x'"),
        ("spec", [1], "spec: must be a mapping, not a list"),
        ("spec|type", {}, "spec.type: must be a string (in quotes), not a mapping"),
        ("spec|clusterIPs", "10.96.0.50", "spec.clusterIPs: must be a list, not '10.96.0.50'"),
        ("spec|clusterIPs", ["x", None], "spec.clusterIPs[1]: must be a string, not nothing"),
        ("spec|ports", "443", "spec.ports: must be a list, not '443'"),
        ("spec|ports", ["443"], "spec.ports[0]: must be a mapping, not '443'"),
        ("spec|ports|1|port", "443", "spec.ports[1].port: must be a number from 1 to 65535"),
        ("spec|ports|1|port", None, "spec.ports[1].port: must be a number from 1 to 65535"),
        ("spec|ports|1|port", True, "spec.ports[1].port: must be a number from 1 to 65535"),
        ("spec|ports|1|port", 443.0, "spec.ports[1].port: must be a number from 1 to 65535"),
        ("spec|ports|1|port", 0, "spec.ports[1].port: must be a number from 1 to 65535"),
        ("spec|ports|1|port", 70000, "spec.ports[1].port: must be a number from 1 to 65535"),
        ("spec|ports|0|name", 1, "spec.ports[0].name: must be a string (in quotes), not 1"),
        (
            "metadata|labels|registry-node-agent.internal/registry",
            True,
            "metadata.labels.registry-node-agent.internal/registry: must be a string (in quotes)",
        ),
        (
            "metadata|annotations|registry-node-agent.internal/apply-held",
            10,
            "metadata.annotations.registry-node-agent.internal/apply-held: must be a string",
        ),
    ],
)
def test_a_field_of_the_wrong_type_is_named(path: str, value: object, detail: str) -> None:
    assert refusal_of_service(changed(SERVICE, path, value)).startswith(detail)


def test_a_huge_value_is_not_repeated_in_full() -> None:
    assert len(refusal_of_service(changed(SERVICE, "spec|ports", "x" * 10_000))) < 200


def test_a_config_map_is_read_by_its_key() -> None:
    assert read_config_map(CONFIG_MAP, reference=TRUST, where="") == BundleObject(
        where="ConfigMap ns/trust, key ca.crt", pem="PEM", revoked="ab"
    )


@pytest.mark.parametrize("data", [None, {}, {"other": "x"}, {"ca.crt": None}])
def test_a_config_map_without_the_key_is_an_empty_bundle(data: object) -> None:
    bundle = read_config_map(changed(CONFIG_MAP, "data", data), reference=TRUST, where="")

    assert bundle.pem == ""


@pytest.mark.parametrize(
    ("path", "value", "detail"),
    [
        ("data", "x", "data: must be a mapping"),
        ("data|ca.crt", 5, "data.ca.crt: must be a string"),
        ("data|revoked", ["ab"], "data.revoked: must be a string"),
        ("binaryData", {"ca.crt": "AAAA"}, "binaryData.ca.crt: is not text"),
    ],
)
def test_a_config_map_with_a_wrong_field_is_refused(path: str, value: object, detail: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_config_map(changed(CONFIG_MAP, path, value), reference=TRUST, where="b.yaml:3")

    assert refused.value.problem.detail.startswith(detail)


def test_a_cluster_trust_bundle_is_read() -> None:
    document = {
        "metadata": {"annotations": {"registry-node-agent.internal/apply-held": "abc"}},
        "spec": {"trustBundle": "PEM"},
    }

    assert read_cluster_trust_bundle(document, reference=CTB, where="") == BundleObject(
        where="ClusterTrustBundle a:b", pem="PEM", apply_held="abc"
    )


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (SERVICE, "Service registry/knative"),
        (CONFIG_MAP, "ConfigMap ns/trust"),
        (
            {
                "apiVersion": "certificates.k8s.io/v1",
                "kind": "ClusterTrustBundle",
                "metadata": {"name": "a:b", "namespace": 3},
            },
            "ClusterTrustBundle a:b",
        ),
        ({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": 5}, "None"),
        ({"apiVersion": "serving.knative.dev/v1", "kind": "Service"}, "None"),
    ],
)
def test_only_kinds_that_are_used_are_named(document: dict[str, Any], name: str) -> None:
    assert str(object_name(document, where="")) == name


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "Service"},
        {"apiVersion": "v1"},
        {"apiVersion": 1, "kind": "Service"},
        {"apiVersion": "v1", "kind": "Service"},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": ["x"]}},
    ],
)
def test_what_has_no_kind_or_name_is_no_object(document: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as refused:
        object_name(document, where="c.yaml:1")

    assert refused.value.problem.reason == Reason.BAD_MANIFEST


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    [
        "metadata",
        "metadata|name",
        "metadata|namespace",
        "metadata|labels",
        "metadata|annotations",
        "spec",
        "spec|type",
        "spec|clusterIP",
        "spec|clusterIPs",
        "spec|ports",
        "spec|ports|0|port",
        "spec|ports|0|name",
        "apiVersion",
        "kind",
    ]
)


@given(FIELDS, ANYTHING)
def test_no_value_of_any_field_is_a_bug(path: str, value: object) -> None:
    document = changed(SERVICE, path, value)
    has_registry_label(document)
    for read in (read_service, object_name):
        try:
            assert isinstance(read(document, where=""), ServiceObject | ObjectName | None)
        except BadInput as refused:
            assert refused.problem.reason == Reason.BAD_MANIFEST  # noqa: PT017 - either is right
