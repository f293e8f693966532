"""The node's systemd, asked over D-Bus by a child process that lives for one call.

jeepney is pure Python and small, but needed once in a while: so the daemon never imports it.
"""

import json
import subprocess
import sys
from pathlib import Path

from agent.node import systemd_call
from agent.node.seen_path import seen_path

SOCKET = "/run/dbus/system_bus_socket"
LIMIT_SECONDS = 30.0


class Systemd:
    """The service manager of this node."""

    def __init__(self, host_root: Path, *, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._host_root = host_root
        self._limit_seconds = limit_seconds

    def reload(self, *, pid: int) -> str:
        """Reload the unit that a process belongs to, and wait for it; why not, or empty."""
        try:
            seen = str(seen_path(self._host_root, SOCKET))
            child = subprocess.run(
                (sys.executable, "-m", "agent.node.systemd_call"),
                input=json.dumps({"socket": seen, "pid": pid}),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=self._limit_seconds,
            )
        except subprocess.TimeoutExpired as late:
            return f"systemd did not do it within {late.timeout:g} s"
        except OSError as error:
            return f"cannot ask systemd: {error}"
        if child.returncode == 0:
            return ""
        if child.returncode == systemd_call.NO_JEEPNEY:
            return "jeepney cannot be imported: install the agent with its `systemd` extra"
        return (child.stderr.strip().splitlines() or ["systemd was asked, without an answer"])[-1]
