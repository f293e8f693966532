"""The runtime as its distribution has set it up: what it tells itself, and what the table adds."""

import posixpath
from collections.abc import Hashable, Sequence
from pathlib import Path

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.layout_traces import is_visible, look_for_traces
from agent.node.runtime_choice import RuntimeChoice
from agent.planning.evidence import Proof
from agent.planning.layout_choice import (
    FoundLayout,
    apply_layout,
    check_supported,
    choose_layout,
)
from agent.planning.layouts import AUTO
from agent.planning.model import Folder, HostPath, RuntimeView


class LayoutRuntime:
    """The port `Runtime`, by the layout found on the node or named by `--layout`."""

    def __init__(
        self, host_root: Path, *, setting: str, node_name: str, runtime: RuntimeChoice
    ) -> None:
        self._host_root = host_root
        self._setting = setting
        self._node_name = node_name
        self._runtime = runtime

    def observe(self) -> RuntimeView:
        """Which runtime, what it reads, and what its layout adds.

        Raises NodeTrouble: unsupported-node, layout-not-mounted, or what the runtime's own raises.
        """
        traces = look_for_traces(self._host_root, node_name=self._node_name)
        before = choose_layout(traces, setting=self._setting)
        check_supported(before)
        if self._setting != AUTO:
            self._check_mounted(before, before.layout.config)
        view = self._runtime.observe()
        told = (view.config_file, view.socket) if view.pid else ()
        found = choose_layout(traces, setting=self._setting, told=told)
        check_supported(found)
        if any(problem.reason is Reason.RUNTIME_CONFIG_BROKEN for problem in view.problems):
            self._check_mounted(found, view.config_file)
        for root in view.roots:
            self._check_could_be_made(found, root)
        return apply_layout(view, found)

    def signature(self) -> Hashable:
        """Something that changes when the process, its socket or its files do; never raises."""
        return self._runtime.signature()

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """Let the runtime pull a tag that cannot exist from each host, and say what it met."""
        return self._runtime.prove(socket=socket, hosts=hosts)

    def reload(self) -> None:
        """Let it read its per-registry configuration again. Raises NodeTrouble (needs-reload)."""
        self._runtime.reload()

    def _check_mounted(self, found: FoundLayout, config: str) -> None:
        """The directory of a configuration that is read there; the file may be missing."""
        folder = HostPath(posixpath.dirname(config))
        if not is_visible(self._host_root, folder):
            raise self._not_mounted(found, folder, "has its configuration")

    def _check_could_be_made(self, found: FoundLayout, root: Folder) -> None:
        """A pod sees what is mounted; anything else it would make in its own container."""
        parent = HostPath(posixpath.dirname(root.base))
        is_seen = is_visible(self._host_root, root.base)
        is_below = parent != "/" and is_visible(self._host_root, parent)
        if not (is_seen or is_below or self._host_root == Path("/")):
            raise self._not_mounted(found, root.base, "has the directories of registries")

    def _not_mounted(self, found: FoundLayout, folder: HostPath, what: str) -> NodeTrouble:
        detail = f"{found.layout.title} (by {found.by}) {what} there"
        detail = f"{detail}, and it is not to be seen below {self._host_root}"
        return NodeTrouble(Problem(reason=Reason.LAYOUT_NOT_MOUNTED, where=folder, detail=detail))
