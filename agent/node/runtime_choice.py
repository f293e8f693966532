"""Which of the runtimes on a node is the kubelet's: as `--runtime` says, else as the node shows.

Where only one runs it is that one. Where containerd and CRI-O both do, or CRI-O has ended beside
a containerd, the kubelet's own configuration names the socket. A node may get another runtime: it
is chosen anew when the one that is known has ended, and once a minute.
"""

import re
import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from agent.node.container_runtime import ContainerdRuntime
from agent.node.containerd_config_reader import state_of
from agent.node.crio_runtime import CrioRuntime
from agent.node.daemon_finder import AT_REST, Rest
from agent.node.seen_path import seen_path
from agent.planning.evidence import Proof
from agent.planning.model import HostPath, RuntimeView

CHOICE_SECONDS = 60.0
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
_ENDPOINT = re.compile(r"^containerRuntimeEndpoint:.*crio", re.MULTILINE)
"""One line of a file that is YAML: no library, for the agent has none in this room."""
_MAX_CHARACTERS = 1 << 20


class RuntimeChoice:
    """The port `Runtime`, by whichever runtime it is."""

    def __init__(
        self,
        host_root: Path,
        *,
        setting: str,
        containerd: ContainerdRuntime,
        crio: CrioRuntime,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`setting` is that of `--runtime`."""
        self._host_root = host_root
        self._setting = setting
        self._containerd = containerd
        self._crio = crio
        self._monotonic = monotonic
        self._chosen: ContainerdRuntime | CrioRuntime = containerd
        self._chosen_at = -CHOICE_SECONDS

    def observe(self, rest: Rest = AT_REST) -> RuntimeView:
        """Which runtime, and what it reads. Raises NodeTrouble (no-runtime-found among others).

        `rest` is where a containerd has its files while none runs.
        """
        is_fresh = self._monotonic() - self._chosen_at < CHOICE_SECONDS
        if not (is_fresh and self._chosen.running()):
            self._chosen = self._crio if self._is_crio() else self._containerd
            self._chosen_at = self._monotonic()
        if self._chosen is self._crio:
            return self._crio.observe()
        return self._containerd.observe(rest)

    def signature(self) -> Hashable:
        """Something that changes when the process, its socket or its files do; never raises."""
        return self._chosen.signature()

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """Let the runtime pull a tag that cannot exist from each host, and say what it met."""
        return self._chosen.prove(socket=socket, hosts=hosts)

    def reload(self) -> None:
        """Let it read its per-registry configuration again. Raises NodeTrouble (needs-reload)."""
        self._chosen.reload()

    def _is_crio(self) -> bool:
        if self._setting != "auto":
            return self._setting == "crio"
        if self._crio.running():
            return not self._containerd.running() or self._kubelet_uses_crio()
        if self._kubelet_uses_crio():
            return True  # it is being restarted: what it reads must be there when it is back
        there = state_of(self._host_root, HostPath("/etc/crio"))
        return there is not None and not self._containerd.left_traces()

    def _kubelet_uses_crio(self) -> bool:
        try:
            path = seen_path(self._host_root, KUBELET_CONFIG)
            with path.open(encoding="utf-8", errors="replace") as file:
                return _ENDPOINT.search(file.read(_MAX_CHARACTERS)) is not None
        except OSError:
            return False
