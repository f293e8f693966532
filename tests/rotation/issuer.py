"""The trust controller, as a process beside the API server; and what it tells of itself."""

import signal
import sys
from collections.abc import Mapping

from agent.planning.node_state import PREFIX
from tests.demo.agent import CLONE
from tests.ground.closing import Closing
from tests.ground.namespaces import NodeProcess, NodeTroubleError
from tests.rotation.compressed import DIE
from tests.rotation.hub import Hub

_LEASE = "issuer"


class Issuer(Closing):
    """One replica; `close` ends it."""

    def __init__(self, hub: Hub, *flags: str) -> None:
        """Not started. `flags` are those of every start."""
        self._hub = hub
        self._flags = flags
        self._log = hub.node.root / "run/issuer.log"
        self._process: NodeProcess | None = None

    def close(self) -> None:
        """End it as a pod is ended."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=30)
            self._process = None

    def start(self, *flags: str, mortal: bool = False) -> None:
        """Start it, with further flags; a mortal one is killed right after its first change.

        One that was killed goes on holding its Lease for a while: that while is over here.
        """
        lease = ("lease", _LEASE, "--namespace=registry-trust", "--ignore-not-found")
        self._hub.kubectl("delete", *lease)
        with self._log.open("a") as log:
            self._process = self._hub.node.popen(
                [
                    *(sys.executable, "-m", "tests.rotation.compressed", "issue"),
                    f"--kubeconfig={self._hub.plane.kubeconfig}",
                    *self._flags,
                    *flags,
                ],
                env={DIE: "yes"} if mortal else {},
                cwd=CLONE,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End it in the midst of whatever it does."""
        if self._process:
            self._process.kill()
            self._process.wait(timeout=30)
            self._process = None

    @property
    def is_dead(self) -> bool:
        """Whether a mortal one has made its change. Raises NodeTroubleError if it ended so."""
        if self._process is None or (status := self._process.poll()) is None:
            return False
        if status != -signal.SIGKILL:
            raise NodeTroubleError(f"the trust controller ended ({status}): {self.last_words()}")
        return True

    @property
    def progress(self) -> str:
        """What it tells `fleet`."""
        return self.told.get("progress", "")

    @property
    def told(self) -> Mapping[str, str]:
        """Its phase and its progress."""
        lease = self._hub.trust_leases.objects.get(_LEASE, {})
        annotations: Mapping[str, str] = lease.get("metadata", {}).get("annotations", {})
        return {
            name.removeprefix(PREFIX): text
            for name, text in annotations.items()
            if name.startswith(PREFIX)
        }

    def last_words(self) -> str:
        """The end of its log."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-15:]) or "it said nothing"
