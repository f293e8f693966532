"""Where a name leads on the node, by the node's /etc/hosts or by DNS.

The agent shares the node's network, and its pod has the node's name servers (`dnsPolicy: Default`),
but not its /etc/hosts.
"""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from agent.node.seen_path import seen_path

MAX_HOSTS_CHARACTERS = 1 << 20


def resolves_to_loopback(host_root: Path, host: str) -> bool:
    """Whether any address of the host, with or without a port, is a loopback address."""
    return any(ip_address(address).is_loopback for address in addresses_of(host_root, host))


def addresses_of(host_root: Path, host: str) -> tuple[str, ...]:
    """Every address of the host, with or without a port; none where nobody knows it."""
    name = host.partition(":")[0]
    return (*_in_hosts_file(host_root, name), *_by_dns(name))


def _in_hosts_file(host_root: Path, name: str) -> Iterator[str]:
    try:
        with seen_path(host_root, "/etc/hosts").open(encoding="utf-8", errors="replace") as file:
            text = file.read(MAX_HOSTS_CHARACTERS)
    except OSError:
        return
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if name in names and _is_address(address):
            yield address


def _by_dns(name: str) -> Iterator[str]:
    try:
        found = socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)
    except OSError:
        return
    yield from (str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
