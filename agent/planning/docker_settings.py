"""What a dockerd says of itself that decides how it pulls, and what its files can do.

With the containerd image store, from moby 28 on, it reads hosts.toml as containerd does. Before,
and with the classic store, it reads nothing but certificates, and goes wherever the node resolves
the name to (moby, daemon/hosts.go and daemon/pkg/registry/registry.go; seen on 26.1 and 29).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSettings:
    """`trust_only`: of what stands in a host's directory, only the CAs are read.

    `insecure` are the names and networks that it was told not to verify, `proxies` what it goes
    by, as HTTPS_PROXY and NO_PROXY.
    """

    trust_only: bool
    insecure: tuple[str, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=dict)

    def verifies(self, *, host: str, address: str, authority: str) -> bool:
        """Whether a hostname that is pulled from that address, `authority` with its port, is.

        With hosts.toml it is the address that counts, as it stands in the URL, which names no port
        443; else the name, and what it resolves to (moby, daemon/pkg/registry/config.go,
        isSecureIndex).
        """
        names = {host} if self.trust_only else {authority, authority.removesuffix(":443")}
        return names.isdisjoint(self.insecure) and not self.is_in_insecure_network(address)

    def is_in_insecure_network(self, address: str) -> bool:
        """Whether it is in a network that is not verified, as the loopback's never is."""
        return any(_covers(entry, address) for entry in self.insecure)


def _covers(entry: str, address: str) -> bool:
    try:
        return "/" in entry and ip_address(address) in ip_network(entry, strict=False)
    except ValueError:
        return False
