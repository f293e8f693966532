"""Which of the runtimes on a node is the kubelet's: as `--runtime` says, else as the node shows.

The kubelet names it by its endpoint, if it can be seen. Else it is Docker where cri-dockerd runs,
which has no other use, and not where a mere dockerd does: that may be a person's, beside the
kubelet's containerd. Of containerd and CRI-O it is the one that runs. A node may get another
runtime: it is chosen anew when the one that is known has ended, and once a minute.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TypeAlias

from agent.node.container_runtime import ContainerdRuntime
from agent.node.containerd_config_reader import state_of
from agent.node.crio_runtime import CrioRuntime
from agent.node.daemon_finder import AT_REST, Rest
from agent.node.docker_runtime import DockerRuntime
from agent.node.kubelet_runtime import kubelet_runtime
from agent.node.node_trouble import node_trouble
from agent.node.processes import find_daemons
from agent.planning.evidence import Proof
from agent.planning.model import HostPath, RuntimeView

CHOICE_SECONDS = 60.0

AnyRuntime: TypeAlias = ContainerdRuntime | CrioRuntime | DockerRuntime


class RuntimeChoice:
    """The port `Runtime`, by whichever runtime it is."""

    def __init__(
        self,
        host_root: Path,
        *,
        setting: str,
        containerd: ContainerdRuntime,
        crio: CrioRuntime,
        docker: DockerRuntime,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`setting` is that of `--runtime`."""
        self._host_root = host_root
        self._setting = setting
        self._containerd = containerd
        self._crio = crio
        self._by_name: dict[str, AnyRuntime] = {
            "containerd": containerd,
            "crio": crio,
            "docker": docker,
        }
        self._monotonic = monotonic
        self._chosen: AnyRuntime = containerd
        self._chosen_at = -CHOICE_SECONDS

    def observe(self, rest: Rest = AT_REST) -> RuntimeView:
        """Which runtime, and what it reads. Raises NodeTrouble (no-runtime-found among others).

        `rest` is where a containerd has its files while none runs.
        """
        is_fresh = self._monotonic() - self._chosen_at < CHOICE_SECONDS
        if not (is_fresh and self._chosen.running()):
            self._chosen = self._by_name[self._name()]
            self._chosen_at = self._monotonic()
        if isinstance(self._chosen, ContainerdRuntime):
            return self._chosen.observe(rest)
        return self._chosen.observe()

    def signature(self) -> Hashable:
        """Something that changes when the process, its socket or its files do; never raises."""
        return self._chosen.signature()

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """Let the runtime pull a tag that cannot exist from each host, and say what it met."""
        return self._chosen.prove(socket=socket, hosts=hosts)

    def reload(self) -> None:
        """Let it read its per-registry configuration again. Raises NodeTrouble (needs-reload)."""
        self._chosen.reload()

    def _name(self) -> str:
        if self._setting != "auto":
            return self._setting
        # The kubelet's word holds while its runtime is being restarted too: what that reads must
        # be there when it is back.
        if told := kubelet_runtime(self._host_root):
            return told
        if self._is_cri_dockerd_there():
            return "docker"
        if self._crio.running():
            return "containerd" if self._containerd.running() else "crio"
        is_crio_installed = state_of(self._host_root, HostPath("/etc/crio")) is not None
        return "crio" if is_crio_installed and not self._containerd.left_traces() else "containerd"

    def _is_cri_dockerd_there(self) -> bool:
        with node_trouble(where=HostPath("/proc"), doing="looking for cri-dockerd"):
            found = find_daemons(
                self._host_root / "proc", program="cri-dockerd", options=lambda _: {}
            )
        return any(not daemon.nested for daemon in found)
