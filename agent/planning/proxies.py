"""Whether a runtime sends a pull to a proxy, by the environment of its unit.

Go's rules for an https URL whose host is an address (golang.org/x/net/http/httpproxy, config.go:
FromEnvironment, init, useProxy): domain names in NO_PROXY never match an address.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from agent.planning.model import Endpoint

PROXY_VARIABLES = frozenset({"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"})


def goes_by_proxy(environment: Mapping[str, str], endpoint: Endpoint) -> bool:
    """Whether a pull from that endpoint is sent to a proxy."""
    proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
    spared = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if not proxy or endpoint.address.is_loopback:
        return False
    return not any(_spares(entry.strip().lower(), endpoint) for entry in spared.split(","))


def _spares(entry: str, endpoint: Endpoint) -> bool:
    """Whether one entry is about the endpoint: `*`, a network, an address, an address with port."""
    if entry == "*":
        return True
    if "/" in entry:
        return _is_in(entry, endpoint)
    host, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return int(port) == endpoint.port and _is(host, endpoint)
    return _is(entry, endpoint)


def _is_in(network: str, endpoint: Endpoint) -> bool:
    try:
        return endpoint.address in ip_network(network, strict=False)
    except ValueError:
        return False


def _is(address: str, endpoint: Endpoint) -> bool:
    try:
        return ip_address(address.removeprefix("[").removesuffix("]")) == endpoint.address
    except ValueError:
        return False
