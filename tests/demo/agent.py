"""The agent as a node runs it: the daemon in the node's namespaces, and its commands beside it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.ground.namespaces import NodeProcess, NodeTroubleError, wait_until
from tests.ground.node import Node

CLONE = Path(__file__).parent.parent.parent
_LISTEN = "127.0.0.1:9808"
_FETCH = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"


@dataclass(frozen=True, kw_only=True)
class Python:
    """The interpreter: its command line, and what it has to find in its environment."""

    command: Sequence[str] = (sys.executable,)
    environment: Mapping[str, str] = field(default_factory=dict)


_AS_HERE = Python()
_USUAL: Mapping[str, str] = MappingProxyType({})


class Agent:
    """One node's agent; `view` is the flag that says where its view comes from, unless a pod.

    `settings` are further ones of `run`, by the names of their variables without the prefix.
    """

    def __init__(
        self,
        *,
        node: Node,
        view: str | None,
        python: Python = _AS_HERE,
        listen: str = _LISTEN,
        settings: Mapping[str, str] = _USUAL,
    ) -> None:
        self.node = node
        self.python = python
        self.log = node.root / "run/agent.log"
        self._view = view
        self._listen = listen
        self._settings = {f"REGISTRY_NODE_AGENT_{name}": text for name, text in settings.items()}
        self._process: NodeProcess | None = None

    @property
    def pid(self) -> int:
        """The daemon's process id, as this process sees it."""
        if self._process is None:
            raise NodeTroubleError("the agent is not started")
        return self._process.program_pid

    def command(self, name: str) -> Sequence[str]:
        """The command line of one of its commands, on this node."""
        flags = [f"--host-root={self.node.root}"]
        if self._view and name != "remove":
            flags.append(self._view)
        if name == "run":
            flags.append(f"--listen={self._listen}")
        return [*self.python.command, "-m", "agent", name, *flags]

    def start(self) -> None:
        """Start `run`; its log begins anew."""
        with self.log.open("w") as log:
            self._process = self.node.popen(
                self.command("run"),
                env={**self.python.environment, **self._settings},
                cwd=CLONE,
                stdout=log,
                stderr=log,
            )

    def stop(self, *, seconds: float = 20.0) -> int:
        """Send SIGTERM; the exit status."""
        if self._process is None:
            raise NodeTroubleError("the agent is not started")
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired as late:
            raise NodeTroubleError(f"the agent did not end within {seconds:g} s") from late

    def call(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one of the other commands to its end."""
        return self.node.run(self.command(command), env=self.python.environment, cwd=CLONE)

    def metrics(self) -> str:
        """What the daemon tells Prometheus; empty while nobody listens."""
        url = f"http://{self._listen}/metrics"
        return self.node.run([sys.executable, "-c", _FETCH, url]).stdout

    def passes(self) -> Iterator[dict[str, Any]]:
        """The passes it has logged since its start: those that changed or found something new."""
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith("{") and (event := json.loads(line))["event"] == "pass ended":
                yield event

    def await_pass(self, *, number: int, seconds: float = 30.0) -> dict[str, Any]:
        """The logged pass of that number, from 1; an error with the log's end if there is none."""

        def find() -> dict[str, Any] | None:
            if self._process is not None and self._process.poll() is not None:
                raise NodeTroubleError(f"the agent ended: {self.last_words()}")
            found = list(self.passes())
            return found[number - 1] if len(found) >= number else None

        try:
            return wait_until(find, what=f"pass {number} ended", seconds=seconds) or {}
        except NodeTroubleError as trouble:
            raise NodeTroubleError(f"{trouble}; {self.last_words()}") from trouble

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-3:]) or "it said nothing"
