"""The hosts.toml that sends a cluster hostname to its endpoint, and what such a file says.

The form is the one that containerd 1.5 to 2.4 all read, for IPv4 and IPv6 (facts of source:
containerd, core/remotes/docker/config/hosts.go, parseHostsFile): everything stands at the root, so
that no IPv6 literal is part of a table's name (refused by the TOML 0.5 reader of 1.x), and the
empty `[host]` is there because readers before 1.7.32 refuse a file without it. Nothing in it turns
verification off.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

import toml

from agent.planning.model import CA_FILE, HEADER, HTTPS_PORT, MAX_PORT, Endpoint

_CAPABILITIES = ("pull", "resolve")
_DIAL_TIMEOUT = "3s"  # containerd waits 30 s otherwise; read from 2.0.7 on, ignored before
_OUR_KEYS = frozenset({"server", "capabilities", "ca", "dial_timeout", "host"})
_DURATION = re.compile(r"[0-9]+(?:ms|s|m)")
_SERVER = re.compile(
    r"https://(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+))(?::(?P<port>[1-9][0-9]{0,4}))?/?"
)


@lru_cache(maxsize=64)  # reading back costs two parsers, and the same few come with every pass
def render_hosts_file(endpoint: Endpoint) -> bytes:
    """The bytes of a host's hosts.toml; its CA certificates stand beside it, in `CA_FILE`.

    Raises ValueError when one of the two independent readers does not read back what was meant:
    such a file must never reach a node, and only a bug can make one.
    """
    capabilities = ", ".join(f'"{capability}"' for capability in _CAPABILITIES)
    text = (
        f"{HEADER}"
        f'server = "{endpoint.url}"\n'
        f"capabilities = [{capabilities}]\n"
        f'ca = "{CA_FILE}"\n'
        f'dial_timeout = "{_DIAL_TIMEOUT}"\n'
        "\n"
        "[host]\n"
    )
    meant = {
        "server": endpoint.url,
        "capabilities": list(_CAPABILITIES),
        "ca": CA_FILE,
        "dial_timeout": _DIAL_TIMEOUT,
        "host": {},
    }
    # containerd 1.x reads with a TOML 0.5 parser, 2.x with one of TOML 1.0: one reader for each.
    if tomllib.loads(text) != meant or toml.loads(text) != meant:
        raise ValueError(f"the hosts.toml for {endpoint.url} does not read back as it was meant")
    return text.encode()


@lru_cache(maxsize=64)
def parse_hosts_file(content: bytes) -> Endpoint | None:
    """The endpoint that a hosts.toml of our form sends its host to, also if a person edited it.

    None when it would send a pull anywhere else, or any other way: another key (a client
    certificate, a header, verification turned off), a host table, plain HTTP, a name instead of an
    address, or a CA other than the file beside it.
    """
    try:
        values: Mapping[str, object] = tomllib.loads(content.decode())
    except ValueError:  # neither UTF-8 nor TOML
        return None
    return _endpoint(values.get("server")) if _is_our_form(values) else None


def _is_our_form(values: Mapping[str, object]) -> bool:
    """Whether nothing but `server` decides how a pull goes."""
    capabilities = values.get("capabilities")
    return (
        values.keys() <= _OUR_KEYS
        and isinstance(capabilities, list)
        and set(_CAPABILITIES) <= {str(capability).lower() for capability in capabilities}
        and values.get("ca") in (CA_FILE, [CA_FILE])
        and values.get("host") == {}
        and _DURATION.fullmatch(str(values.get("dial_timeout", _DIAL_TIMEOUT))) is not None
    )


def _endpoint(server: object) -> Endpoint | None:
    match = _SERVER.fullmatch(server) if isinstance(server, str) else None
    if match is None:
        return None
    port = int(match["port"] or HTTPS_PORT)
    try:
        address = IPv6Address(match["v6"]) if match["v6"] else IPv4Address(match["v4"])
    except ValueError:
        return None
    return Endpoint(address=address, port=port) if port <= MAX_PORT else None
