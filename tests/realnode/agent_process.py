"""The agent itself on a node: its commands to their end, and `run` for as long as a test needs it.

It runs in the node's namespaces, as the DaemonSet's container does with the host's mounted root.
No command may ever end in a traceback, so every call looks for one.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.ground.namespaces import NodeProcess, NodeTroubleError, wait_until
from tests.ground.node import Node
from tests.ground.pods import LiveContainer

METRICS_PORT = 9808
_GET = "exec 3<>/dev/tcp/127.0.0.1/$1 && printf 'GET %s HTTP/1.0\\r\\n\\r\\n' \"$2\" >&3 && cat <&3"


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reason slugs on stderr, in order."""
        lines = [line for line in self.err.splitlines() if line.startswith("registry-node-agent: ")]
        return tuple(line.split(": ", 2)[1] for line in lines)


class Agent:
    """The agent of one node, reading manifests from one directory."""

    def __init__(self, *, node: Node, manifests: Path) -> None:
        self.node = node
        self._flags = ("--host-root", str(node.root), "--manifests", str(manifests))

    def call(self, command: str, *flags: str) -> Done:
        """One command to its end. A traceback fails the test."""
        done = self.node.run(self.command(command, *flags), timeout=120)
        if "Traceback" in done.stderr:
            raise AssertionError(done.stderr)
        return Done(status=done.returncode, out=done.stdout, err=done.stderr)

    def sync(self, *flags: str) -> Done:
        return self.call("sync", *flags)

    def remove(self, *flags: str) -> Done:
        return self.call("remove", *flags)

    def has_nothing_to_do(self) -> bool:
        """Whether `plan --exit-code` says so."""
        return self.call("plan", "--exit-code").status == 0

    def command(self, command: str, *flags: str) -> list[str]:
        return [sys.executable, "-m", "agent", command, *self._flags, *flags]

    @contextmanager
    def run(
        self, *flags: str, name: str = "agent", port: int = METRICS_PORT
    ) -> Iterator["LiveAgent"]:
        """A live `run` whose first pass has ended; ended at the end, and never by a bug."""
        log = self.node.root / f"run/{name}.log"
        listen = ("--listen", f"127.0.0.1:{port}")
        with (
            log.open("a") as file,
            self.node.popen(
                self.command("run", *listen, *flags), stdout=file, stderr=file
            ) as process,
        ):
            live = LiveAgent(node=self.node, process=process, port=port, log=log)
            try:
                wait_until(live.is_ready, what=f"{name}'s first pass has ended")
                yield live
            finally:
                if process.poll() is None:
                    process.end()
        if "Traceback" in log.read_text():
            raise AssertionError(log.read_text())


@dataclass(frozen=True, kw_only=True)
class LiveAgent:
    """A `run` that is alive, seen through its endpoint and its log."""

    node: Node
    process: NodeProcess | LiveContainer
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        """The status and the body of one of its pages; 0 while nobody listens."""
        command = ["bash", "-c", _GET, "bash", str(self.port), path]
        head, _, body = self.node.run(command).stdout.partition("\n\n")
        words = head.split(maxsplit=2)
        return (int(words[1]) if len(words) > 1 else 0), body

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise NodeTroubleError(f"the agent ended: {self.log.read_text()}")
        return self.get("/readyz")[0] == 200

    def metric(self, name: str, **labels: str) -> float | None:
        """The value of one series without its prefix; None when there is no such series."""
        _, text = self.get("/metrics")
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if (sample.name, sample.labels) == (f"registry_agent_{name}", labels):
                    return float(sample.value)
        return None

    def problems(self) -> set[str]:
        """The reasons that the metrics name now."""
        _, text = self.get("/metrics")
        return {
            sample.labels["reason"]
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "registry_agent_problem" and sample.value
        }

    def is_in_sync(self) -> bool:
        return self.metric("in_sync") == 1

    def wait_until_in_sync(self, *, seconds: float = 30.0) -> None:
        wait_until(self.is_in_sync, what="the agent is in sync", seconds=seconds)

    def wait_for_problem(self, reason: str, *, seconds: float = 30.0) -> None:
        """Until the metrics name that reason, and then the node must not count as in sync."""
        wait_until(
            lambda: reason in self.problems(), what=f"the agent reports {reason}", seconds=seconds
        )
        assert self.metric("in_sync") == 0

    def log_lines(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line]
