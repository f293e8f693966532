"""The names a registry is pulled by, derived from its Service's own name and namespace.

Never `<service>.<namespace>`: a Service `docker` in a namespace `io` would be docker.io. Never
`_default`. Never a name out of an annotation. The rules for characters are those of Kubernetes
(RFC 1123 labels), matched whole, which also keeps `/`, `..`, quotes and newlines out of paths and
out of TOML.
"""

import re

from agent.planning.model import HTTPS_PORT, RegistryName

MAX_HOST_LENGTH = 253
"""Of a host with its port, too: it becomes a directory's name, of which Linux allows 255 bytes."""

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_PART = _LABEL.pattern
_DOMAIN = re.compile(rf"{_PART}(?:\.{_PART})*")
_HOST = re.compile(
    rf"(?P<name>{_PART})\.(?P<namespace>{_PART})\.svc(?:\.{_PART})*(?::[1-9][0-9]{{0,4}})?"
)


def is_label(text: str) -> bool:
    """Whether Kubernetes would take it as the name of a Service or namespace."""
    return _LABEL.fullmatch(text) is not None


def is_domain(text: str) -> bool:
    """Whether it can be a cluster domain."""
    return len(text) <= MAX_HOST_LENGTH and _DOMAIN.fullmatch(text) is not None


def cluster_hostnames(registry: RegistryName, *, port: int, domain: str) -> tuple[str, ...]:
    """Every form an image reference may use; for port 443 also the forms without a port.

    The runtime looks a host up exactly as the reference writes it: `host` and `host:443` are two
    directories to it (containerd 1.6 to 2.3, core/remotes/docker/config/hosts.go hostPaths).
    Raises ValueError when the name cannot be a hostname.
    """
    short = f"{registry.name}.{registry.namespace}.svc"
    if not (is_label(registry.name) and is_label(registry.namespace)):
        message = f"{registry} has characters that no Service name may have"
        raise ValueError(message)
    names = (f"{short}.{domain}", short)
    with_port = tuple(f"{name}:{port}" for name in names)
    if max(map(len, with_port)) > MAX_HOST_LENGTH:
        message = f"{registry} makes a hostname of more than {MAX_HOST_LENGTH} characters"
        raise ValueError(message)
    return (*names, *with_port) if port == HTTPS_PORT else with_port


def registry_of(host: str) -> RegistryName | None:
    """The registry whose cluster hostname this is, or None when it is no such name."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    return RegistryName(namespace=match["namespace"], name=match["name"])


def shadow_of(host: str) -> str | None:
    """The directory that containerd prefers to ours: `host_5000_` for `host:5000`.

    None for a host without a port, which has one directory only.
    """
    name, colon, port = host.rpartition(":")
    return f"{name}_{port}_" if colon else None
