"""Spegel's real program: what it does to the directory of per-registry files, start and end.

`configure` is its init container, at every start; `clean_up` runs when it is uninstalled.
"""

from pathlib import Path

from tests.ground import programs
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.ground.node import Node

_MIRROR = "http://127.0.0.1:30020"
_PROBE = "127.0.0.1:30021"
_CLEANED = "waiting to be shutdown"


class Spegel:
    """One Spegel on a node, which sees the machine's files, as a pod does what is mounted."""

    def __init__(self, node: Node, *, certs_d: Path) -> None:
        self._node = node
        self._executable = str(programs.spegel().executable)
        self._place = ("--containerd-registry-config-path", str(certs_d))

    def configure(self, *flags: str) -> None:
        """Write its mirrors: for all registries, unless `flags` name some."""
        command = [self._executable, "configuration", *self._place, "--mirror-targets", _MIRROR]
        done = self._node.run([*command, *flags])
        if done.returncode:
            raise NodeTroubleError(f"spegel: {done.stderr}")

    def clean_up(self) -> None:
        """Take them away, and bring back what was there before."""
        log = self._node.root / "run/spegel.log"
        command = [self._executable, "cleanup", *self._place, "--addr", _PROBE]
        with log.open("w") as file:
            process = self._node.popen(command, stdout=file, stderr=file)

        def is_done() -> bool:
            if process.poll() is not None:
                raise NodeTroubleError(f"spegel ended: {log.read_text()}")
            return _CLEANED in log.read_text()

        wait_until(is_done, what="Spegel has cleaned up")
        process.end()
