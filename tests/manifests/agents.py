"""Whole agents on the machine, each as the pod of one Node: its token, and a root of its own.

No container runtime is below that root, which is what each of them then says of its node.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ground.namespaces import wait_until
from tests.manifests.cluster import AGENT, Cluster

PREFIX = "registry-node-agent.internal/"


@dataclass(frozen=True, kw_only=True)
class Live:
    """One that runs."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        """The status and text of a page; 0 while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def problems(self) -> list[str]:
        """The reasons it has logged outside of passes."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line["reason"] for line in lines if line["event"] == "problem"]

    def end(self) -> int:
        """Its status, once asked to end."""
        self.process.terminate()
        return self.process.wait(60)


def command(*arguments: str, program: Sequence[str] = ("-m", "agent")) -> list[str]:
    return [sys.executable, *program, *arguments]


def call(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One command to its end, with an environment in which no kubeconfig is named."""
    quiet = {name: text for name, text in os.environ.items() if name not in {"KUBECONFIG", "HOME"}}
    return subprocess.run(  # noqa: S603 - our own program
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=quiet | dict(env or {}),
    )


@contextmanager
def live(
    name: str, root: Path, *flags: str, program: Sequence[str] = ("-m", "agent")
) -> Iterator[Live]:
    """`run`, or `remove --stay`, until the end of the block."""
    root.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    arguments = (name, "--host-root", str(root), "--listen", f"127.0.0.1:{port}", *flags)
    with (
        (root / "log").open("ab") as log,
        subprocess.Popen(  # noqa: S603 - our own
            command(*arguments, program=program), stderr=log
        ) as process,
    ):
        try:
            yield Live(process=process, port=port, log=root / "log")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert "Traceback" not in (root / "log").read_text()


def lease(cluster: Cluster, node: str) -> Mapping[str, Any]:
    """The Lease of a Node; an empty one where there is none."""
    name = ("lease", f"node-{node}", "--namespace", AGENT, "--output=json")
    done = cluster.kubectl.call("get", *name)
    found: Mapping[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def state(cluster: Cluster, node: str) -> str:
    """What its Lease says."""
    labels: Mapping[str, str] = lease(cluster, node).get("metadata", {}).get("labels", {})
    return labels.get(f"{PREFIX}state", "")


def wait_for_state(cluster: Cluster, node: str, wanted: str) -> None:
    wait_until(lambda: state(cluster, node) == wanted, what=f"{node} says {wanted}")


def events(cluster: Cluster, node: str) -> str:
    """What `kubectl describe node` shows of them, one space between words."""
    told = cluster.kubectl("describe", "node", node)
    return " ".join(told.partition("Events:")[2].split())
