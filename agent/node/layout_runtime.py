"""The runtime as its distribution has set it up: what it tells itself, and what the table adds.

Looking for traces is some twenty `stat` calls and a few small files, so what was found is kept as
long as the runtime shows the same, and at most a minute.
"""

import posixpath
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.daemon_finder import DEFAULT_CONFIG, Rest
from agent.node.layout_traces import is_visible, look_for_traces
from agent.node.runtime_choice import RuntimeChoice
from agent.planning.evidence import Proof
from agent.planning.layout_choice import (
    FoundLayout,
    apply_layout,
    check_supported,
    choose_layout,
)
from agent.planning.layouts import AUTO, DEFAULT_LAYOUT
from agent.planning.model import Folder, HostPath, RuntimeView

KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What the layout made of a view, where the runtime rests in it, and until when that holds."""

    rest: Rest
    seen: RuntimeView
    laid_out: RuntimeView
    until: float


class LayoutRuntime:
    """The port `Runtime`, by the layout found on the node or named by `--layout`."""

    def __init__(
        self,
        host_root: Path,
        *,
        setting: str,
        node_name: str,
        runtime: RuntimeChoice,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host_root = host_root
        self._setting = setting
        self._node_name = node_name
        self._runtime = runtime
        self._monotonic = monotonic
        self._kept: _Kept | None = None

    def observe(self) -> RuntimeView:
        """Which runtime, what it reads, and what its layout adds.

        Raises NodeTrouble: unsupported-node, layout-not-mounted, or what the runtime's own raises.
        """
        kept = self._kept
        if kept is not None and self._monotonic() < kept.until:
            view = self._runtime.observe(kept.rest)
            if view == kept.seen:
                return kept.laid_out
        return self._look()

    def _look(self) -> RuntimeView:
        traces = look_for_traces(self._host_root, node_name=self._node_name)
        before = choose_layout(traces, setting=self._setting)
        check_supported(before)
        if self._setting != AUTO:
            self._check_mounted(before, before.config)
        rest = self._rest(before)
        view = self._observe(before, rest)
        told = (view.config_file, view.socket) if view.pid else ()
        found = choose_layout(traces, setting=self._setting, told=told)
        check_supported(found)
        if any(problem.reason is Reason.RUNTIME_CONFIG_BROKEN for problem in view.problems):
            self._check_mounted(found, view.config_file)
        for root in view.roots:
            self._check_could_be_made(found, root)
        laid_out = apply_layout(view, found)
        until = self._monotonic() + KEPT_SECONDS
        self._kept = _Kept(rest=rest, seen=view, laid_out=laid_out, until=until)
        return laid_out

    def _rest(self, found: FoundLayout) -> Rest:
        """Where the runtime's files are while it does not run; a person's copy goes before."""
        is_copied = found.layout.generated_at and is_visible(self._host_root, DEFAULT_CONFIG)
        config = DEFAULT_CONFIG if is_copied else found.config
        return Rest(config=config, socket=HostPath(found.layout.socket))

    def _observe(self, before: FoundLayout, rest: Rest) -> RuntimeView:
        try:
            return self._runtime.observe(rest)
        except NodeTrouble as trouble:
            missing = trouble.problem.reason is Reason.NO_RUNTIME_FOUND
            if missing and before.layout.name != DEFAULT_LAYOUT:
                self._check_mounted(before, rest.config)
            raise

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
        top = HostPath(f"/{root.below[0]}") if root.base == "/" else root.base
        parent = HostPath(posixpath.dirname(top))
        is_seen = is_visible(self._host_root, top)
        is_below = parent != "/" and is_visible(self._host_root, parent)
        if not (is_seen or is_below or self._host_root == Path("/")):
            raise self._not_mounted(found, top, "has the directories of registries")

    def _not_mounted(self, found: FoundLayout, folder: HostPath, what: str) -> NodeTrouble:
        detail = f"{found.layout.title} (by {found.by}) {what} there"
        detail = f"{detail}, and it is not to be seen below {self._host_root}"
        return NodeTrouble(Problem(reason=Reason.LAYOUT_NOT_MOUNTED, where=folder, detail=detail))
