"""Which proxies a runtime's unit gives to it: asked of systemd when a pull fails, not before.

What the process itself has, /proc/PID/environ, is denied to an agent without capabilities; only
the unit's drop-ins and environment files can set it where systemd starts the runtime.
"""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.node.seen_path import seen_path
from agent.node.systemd import Systemd
from agent.plain_file import read_plain_file
from agent.planning.model import HostPath
from agent.planning.proxies import PROXY_VARIABLES

MAX_BYTES = 1 << 20


class UnitProxies:
    """The port `Services`."""

    def __init__(self, host_root: Path, *, systemd: Systemd) -> None:
        self._host_root = host_root
        self._systemd = systemd

    def proxies(self, *, pid: int) -> Mapping[str, str]:
        """HTTPS_PROXY and NO_PROXY, as they are written; empty where that cannot be known.

        Later ones win, and files win over the unit (systemd.exec(5), EnvironmentFile=).
        """
        unit = self._systemd.unit_of(pid=pid)
        if isinstance(unit, str):
            return {}
        pairs = [item.partition("=") for item in unit.environment]
        found = {name: value for name, _, value in pairs}
        for path in unit.environment_files:
            found |= dict(self._read(path))
        return {name: value for name, value in found.items() if name in PROXY_VARIABLES}

    def _read(self, path: HostPath) -> Iterator[tuple[str, str]]:
        """The assignments in a file; none where it cannot be read, which systemd may allow too."""
        try:
            content = read_plain_file(seen_path(self._host_root, path), limit=MAX_BYTES).content
        except OSError:
            return
        for line in content.decode(errors="replace").splitlines():
            name, equals, value = line.strip().partition("=")
            if equals:
                yield name, _unquoted(value)


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value
