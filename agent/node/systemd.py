"""The node's systemd, asked over D-Bus by a child process that lives for one call.

jeepney is pure Python and small, but needed once in a while: so the daemon never imports it.
`daemon-reload` is never asked for: it takes in whatever others have half changed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.node import systemd_call
from agent.node.seen_path import seen_path
from agent.planning.model import HostPath

SOCKET = "/run/dbus/system_bus_socket"
ANSWER_SECONDS = 20.0
RESTART_SECONDS = 100.0  # systemd gives a start 90 s (DefaultTimeoutStartSec)
START_SECONDS = 10.0  # of the child itself, on a node that is short of CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A service: its name, the program it starts, and `NAME=value` as it gives them to it.

    Of `environment_files` each may hold more of them.
    """

    name: str
    program: HostPath
    environment: tuple[str, ...]
    environment_files: tuple[HostPath, ...]


class Systemd:
    """The service manager of this node. What it refuses comes back as words, one line."""

    def __init__(self, host_root: Path) -> None:
        self._host_root = host_root

    def unit_of(self, *, pid: int) -> Unit | str:
        """The service that a process belongs to; why it is not known."""
        answer = self._ask({"do": "unit", "pid": pid})
        if isinstance(answer, str):
            return answer
        return Unit(
            name=answer["name"],
            program=HostPath(answer["program"]),
            environment=tuple(answer["environment"]),
            environment_files=tuple(map(HostPath, answer["environment_files"])),
        )

    def reload(self, *, pid: int) -> str:
        """Reload the unit that a process belongs to, and wait for it; why not, or empty."""
        return self._do({"do": "reload", "pid": pid})

    def restart(self, *, unit: str) -> str:
        """Restart a unit, and wait until it is up; why not, or empty."""
        return self._do({"do": "restart", "unit": unit}, seconds=RESTART_SECONDS)

    def run(self, command: Sequence[str]) -> str:
        """Run a program on the node itself, in a unit that is gone with it; why not, or empty."""
        unit = f"registry-node-agent-{os.getpid()}.service"
        return self._do({"do": "run", "unit": unit, "command": list(command)})

    def _do(self, request: dict[str, object], *, seconds: float = ANSWER_SECONDS) -> str:
        answer = self._ask(request, seconds=seconds)
        return answer if isinstance(answer, str) else ""

    def _ask(
        self, request: dict[str, object], *, seconds: float = ANSWER_SECONDS
    ) -> dict[str, Any] | str:
        """The answer to one request; why there is none."""
        try:
            seen = str(seen_path(self._host_root, SOCKET))
            child = subprocess.run(
                (sys.executable, "-m", "agent.node.systemd_call"),
                input=json.dumps({**request, "socket": seen, "seconds": seconds}),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=START_SECONDS + 2 * seconds,
            )
        except subprocess.TimeoutExpired as late:
            return f"systemd did not do it within {late.timeout:g} s"
        except OSError as error:
            return f"cannot ask systemd: {error}"
        if child.returncode == systemd_call.NO_JEEPNEY:
            return "jeepney cannot be imported: install the agent with its `systemd` extra"
        try:
            answer: dict[str, Any] = json.loads(child.stdout)
        except ValueError:
            return (child.stderr.strip().splitlines() or ["systemd was asked, without an answer"])[
                -1
            ]
        return str(answer["refusal"]) if "refusal" in answer else answer
