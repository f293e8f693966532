"""The names a registry is pulled by: derived, never guessed, and safe as paths and in TOML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planning.hostnames import (
    cluster_hostnames,
    is_domain,
    is_label,
    registry_of,
    shadow_of,
)
from agent.planning.model import RegistryName
from tests.worlds import KNATIVE

LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
PORTS = st.integers(min_value=1, max_value=65535)


def test_both_forms_are_pulled_with_the_port() -> None:
    assert cluster_hostnames(KNATIVE, port=5000, domain="cluster.local") == (
        "knative.registry.svc.cluster.local:5000",
        "knative.registry.svc:5000",
    )


def test_port_443_is_also_pulled_without_a_port() -> None:
    assert cluster_hostnames(KNATIVE, port=443, domain="cluster.local") == (
        "knative.registry.svc.cluster.local",
        "knative.registry.svc",
        "knative.registry.svc.cluster.local:443",
        "knative.registry.svc:443",
    )


def test_the_cluster_domain_is_part_of_the_long_form() -> None:
    assert "knative.registry.svc.corp.example:5000" in cluster_hostnames(
        KNATIVE, port=5000, domain="corp.example"
    )


def test_a_service_docker_in_a_namespace_io_never_becomes_docker_io() -> None:
    docker = RegistryName(namespace="io", name="docker")
    names = cluster_hostnames(docker, port=443, domain="cluster.local")
    assert not {"docker.io", "docker.io:443"} & set(names)
    assert all(".svc" in name for name in names)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="nothing"),
        pytest.param("Knative", id="an upper-case letter"),
        pytest.param("kna.tive", id="a dot"),
        pytest.param("-knative", id="a leading hyphen"),
        pytest.param("knative-", id="a trailing hyphen"),
        pytest.param("kna/tive", id="a slash"),
        pytest.param("..", id="the parent directory"),
        pytest.param("_default", id="the name of somebody's default"),
        pytest.param("knative\n", id="a line end"),
        pytest.param('kna"tive', id="a quote"),
        pytest.param("k\u0430native", id="a letter that only looks Latin"),
        pytest.param("k" * 64, id="more than 63 characters"),
    ],
)
def test_a_name_that_kubernetes_would_refuse_is_refused(name: str) -> None:
    assert not is_label(name)
    for registry in (
        RegistryName(namespace="registry", name=name),
        RegistryName(namespace=name, name="knative"),
    ):
        with pytest.raises(ValueError, match="characters that no Service name may have"):
            cluster_hostnames(registry, port=5000, domain="cluster.local")


def test_a_hostname_longer_than_dns_allows_is_refused() -> None:
    domain = ".".join(["d" * 60] * 4)
    assert is_domain(domain)
    with pytest.raises(ValueError, match="more than 253 characters"):
        cluster_hostnames(KNATIVE, port=5000, domain=domain)


@pytest.mark.parametrize(
    ("domain", "usable"),
    [
        pytest.param("cluster.local", True, id="the usual one"),
        pytest.param("local", True, id="a single label"),
        pytest.param("", False, id="nothing"),
        pytest.param("cluster..local", False, id="an empty label"),
        pytest.param(".cluster.local", False, id="a leading dot"),
        pytest.param("cluster.local\n", False, id="a line end"),
        pytest.param(".".join(["d" * 60] * 5), False, id="more than 253 characters"),
    ],
)
def test_a_cluster_domain_is_a_dns_name(domain: str, *, usable: bool) -> None:
    assert is_domain(domain) is usable


@given(name=LABELS, namespace=LABELS, port=PORTS)
def test_every_hostname_leads_back_to_its_registry(name: str, namespace: str, port: int) -> None:
    registry = RegistryName(namespace=namespace, name=name)
    for host in cluster_hostnames(registry, port=port, domain="cluster.local"):
        assert registry_of(host) == registry


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("_default", id="somebody's default"),
        pytest.param("_backup", id="Spegel's backup"),
        pytest.param("docker.io", id="a public registry"),
        pytest.param("registry.example.com:5000", id="a private registry"),
        pytest.param("knative.registry", id="a Service without svc"),
        pytest.param("knative.registry.svc:0", id="port 0"),
        pytest.param("knative.registry.svc:5000:5000", id="two ports"),
        pytest.param("knative.registry.svc_5000_", id="the form of a shadow"),
        pytest.param("knative.registry.svc:5000\n", id="a line end behind"),
    ],
)
def test_other_names_belong_to_no_registry(host: str) -> None:
    assert registry_of(host) is None


def test_containerd_prefers_a_directory_of_its_other_spelling() -> None:
    assert shadow_of("knative.registry.svc:5000") == "knative.registry.svc_5000_"
    assert shadow_of("knative.registry.svc") is None
