"""The drop-in that sends cluster hostnames to their endpoints, for CRI-O and its relatives.

One `[[registry]]` for each hostname, with an exact `prefix` and a `location` instead of a mirror: a
pull then makes a single attempt, and never asks DNS (containers/image, sysregistriesv2, rewriting
by the longest prefix). A prefix without a port would also take `host:5000`, so each form of a name
has an entry of its own. Nothing in it turns verification off.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache

import toml

from agent.planning.authorities import parse_authority
from agent.planning.hostnames import registry_of
from agent.planning.model import HEADER, Endpoint


def render_drop_in(entries: Mapping[str, Endpoint]) -> bytes:
    """The bytes for these hostnames.

    Raises ValueError when one of two independent readers does not read back what was meant: such
    a file would keep CRI-O from its next start, and only a bug can make one.
    """
    return _rendered(tuple(sorted(entries.items())))


@lru_cache(maxsize=8)
def _rendered(entries: tuple[tuple[str, Endpoint], ...]) -> bytes:
    parts = [
        f'[[registry]]\nprefix = "{host}"\nlocation = "{endpoint.authority}"\n'
        for host, endpoint in entries
    ]
    text = "\n".join((HEADER, *parts))
    registries = [{"prefix": host, "location": endpoint.authority} for host, endpoint in entries]
    meant = {"registry": registries} if registries else {}
    if tomllib.loads(text) != meant or toml.loads(text) != meant:
        raise ValueError("the drop-in does not read back as it was meant")
    return text.encode()


@lru_cache(maxsize=8)
def parse_drop_in(content: bytes) -> Mapping[str, Endpoint]:
    """Where a drop-in of our form sends which cluster hostname, also if a person edited it.

    What is of another form is passed over: a mirror, a flag, another name, a name for an address.
    """
    try:
        found = tomllib.loads(content.decode()).get("registry")
    except ValueError:  # neither UTF-8 nor TOML
        return {}
    entries: dict[str, Endpoint] = {}
    for item in found if isinstance(found, list) else ():
        match item:
            case {"prefix": str(host), "location": str(location), **rest} if not rest:
                endpoint = parse_authority(location)
                if endpoint is not None and registry_of(host):
                    entries[host] = endpoint
    return entries
