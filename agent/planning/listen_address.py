"""The value of `--listen`: where metrics and health are served."""

import re
from dataclasses import dataclass

from agent.planning.model import MAX_PORT

_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\[\]:\s]+)):([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """A host, without the brackets of IPv6, and a port; port 0 lets the kernel choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress:
    """Read `HOST:PORT` or `[IPv6]:PORT`. Raises ValueError with words for the user."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found[3]) > MAX_PORT:
        raise ValueError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:9808 or [::1]:9808")
    return ListenAddress(host=found[1] or found[2], port=int(found[3]))
