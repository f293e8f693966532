"""An endpoint as CRI-O writes it, in a `location` and as the name of a certificates' directory.

Always IPv4 and always with a port: its image references know no IPv6 literals (containers/image,
docker/reference/regexp.go, up to the version in CRI-O 1.37), and the directory is looked for under
the location's own spelling, `:443` included (docker/docker_client.go, dockerCertDir).
"""

import re
from ipaddress import IPv4Address

from agent.planning.model import MAX_PORT, Endpoint

_AUTHORITY = re.compile(r"(?P<address>[0-9]{1,3}(?:\.[0-9]{1,3}){3}):(?P<port>[1-9][0-9]{0,4})")


def parse_authority(text: str) -> Endpoint | None:
    """The endpoint that `10.96.0.50:443` names; None for anything else."""
    match = _AUTHORITY.fullmatch(text)
    if match is None or int(match["port"]) > MAX_PORT:
        return None
    try:
        return Endpoint(address=IPv4Address(match["address"]), port=int(match["port"]))
    except ValueError:
        return None
