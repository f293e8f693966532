"""kubectl against one API server, as one user."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.ground import programs
from tests.ground.machine import Place
from tests.ground.namespaces import NodeProcess
from tests.ground.node import Node

Object = dict[str, Any]


class KubectlError(Exception):
    """kubectl's own words about what was refused or went wrong."""


class Kubectl:
    """kubectl, run where the API server is."""

    def __init__(self, *, place: Place, kubeconfig: Path) -> None:
        self._place = place
        self._kubeconfig = kubeconfig

    def call(self, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """One command to its end; its status is the caller's to judge."""
        return self._place.run(_command(*arguments), env=self._environment, timeout=timeout)

    def __call__(self, *arguments: str, timeout: float = 60.0) -> str:
        """One command that has to succeed; what it printed."""
        done = self.call(*arguments, timeout=timeout)
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> Object:
        """An object, or a list of them under `items`."""
        found: Object = json.loads(self("get", *arguments, "--output=json"))
        return found

    def watch(self, place: Node, *arguments: str) -> NodeProcess:
        """Events of objects, a line of JSON each on its standard output; ended by the caller."""
        whole = _command("get", *arguments, "--watch", "--output-watch-events", "--output=json")
        return place.popen(
            whole, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def apply(self, *objects: Object) -> None:
        """Server-side apply of objects."""
        whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=self._kubeconfig.parent) as file:
            json.dump(whole, file)
            file.flush()
            self("apply", "--server-side", "--force-conflicts", f"--filename={file.name}")

    def answers(self) -> bool:
        """Whether the API server says that it is ready."""
        return self.call("get", "--raw=/readyz", "--request-timeout=2s").returncode == 0

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "KUBECONFIG": str(self._kubeconfig),
            "KUBECACHEDIR": str(self._kubeconfig.with_suffix(".cache")),
        }


def _command(*arguments: str) -> list[str]:
    return [str(programs.kubernetes("kubectl").executable), *arguments]
