"""Which pulls a runtime sends to a proxy, as Go does for an https URL with an address."""

from ipaddress import ip_address

import pytest

from agent.planning.model import Endpoint
from agent.planning.proxies import goes_by_proxy

PROXY = {"HTTPS_PROXY": "http://proxy.example:3128"}
HERE = Endpoint(address=ip_address("10.96.0.50"), port=5000)
IPV6 = Endpoint(address=ip_address("fd00::50"), port=443)


def test_without_a_proxy_none_does() -> None:
    assert not goes_by_proxy({}, HERE)
    assert not goes_by_proxy({"HTTPS_PROXY": "", "HTTP_PROXY": "http://proxy.example"}, HERE)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_with_one_every_pull_does(name: str) -> None:
    assert goes_by_proxy({name: "http://proxy.example:3128"}, HERE)


def test_but_never_one_from_the_node_itself() -> None:
    assert not goes_by_proxy(PROXY, Endpoint(address=ip_address("127.0.0.1"), port=5000))


@pytest.mark.parametrize(
    "spared",
    ["*", "10.96.0.50", "10.96.0.50:5000", "10.96.0.0/12", ".svc, 10.0.0.0/8 ", "a,,10.96.0.50"],
)
def test_an_address_or_a_range_in_no_proxy_spares_it(spared: str) -> None:
    assert not goes_by_proxy(PROXY | {"NO_PROXY": spared}, HERE)
    assert not goes_by_proxy(PROXY | {"no_proxy": spared}, HERE)


@pytest.mark.parametrize(
    "spared",
    [
        *("", ".svc,.cluster.local,knative.registry.svc.cluster.local", "10.96.0.51"),
        *("10.96.0.50:443", "10.97.0.0/16", "10.96.0.50/x", "10.96", "fd00::/8"),
    ],
)
def test_a_name_or_another_address_does_not(spared: str) -> None:
    assert goes_by_proxy(PROXY | {"NO_PROXY": spared}, HERE)


@pytest.mark.parametrize("spared", ["fd00::50", "[fd00::50]", "[fd00::50]:443", "fd00::/8"])
def test_so_it_is_with_ipv6(spared: str) -> None:
    assert not goes_by_proxy(PROXY | {"NO_PROXY": spared}, IPV6)
    assert goes_by_proxy(PROXY, IPV6)
