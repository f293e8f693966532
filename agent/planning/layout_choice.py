"""Which layout a node has, by what was seen of it, and what that adds to the runtime's view."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.containerd_config import default_roots, split_config_path
from agent.planning.layouts import AUTO, DEFAULT_LAYOUT, LAYOUTS, Layout
from agent.planning.model import Folder, RuntimeView


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What a distribution has left on the node: paths of the table that exist, and two names.

    `os_id` is the `ID` of os-release, empty where that cannot be read.
    """

    markers: frozenset[str]
    os_id: str
    node_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLayout:
    """A layout, and what gave it away."""

    layout: Layout
    by: str

    def __str__(self) -> str:
        """As `doctor` says it."""
        shared = f"; {self.layout.shared_with}" if self.layout.shared_with else ""
        return f"{self.layout.title}, by {self.by}{shared}"


def choose_layout(traces: Traces, *, setting: str, told: Sequence[str] = ()) -> FoundLayout:
    """The layout that `--layout` names, else the one that the node shows.

    `told` are the paths of a running process: its configuration and its socket. They go before
    what stands on the disk, which may be left of a distribution that is gone.
    """
    if setting != AUTO:
        return FoundLayout(layout=_named(setting), by=f"--layout {setting}")
    default = FoundLayout(layout=_named(DEFAULT_LAYOUT), by="nothing that tells another")
    return next(_candidates(traces, told), default)


def _candidates(traces: Traces, told: Sequence[str]) -> Iterator[FoundLayout]:
    """All that something speaks for, the surest first."""
    for layout in LAYOUTS:
        if traces.node_name.startswith(layout.node_names):
            yield FoundLayout(layout=layout, by=f"the node's name {traces.node_name}")
    for layout in LAYOUTS:
        if path := _match(told, layout.told):
            yield FoundLayout(layout=layout, by=f"the runtime's {path}")
    left = [layout for layout in LAYOUTS if not (told and layout.told)]
    for layout in left:
        if path := _match(sorted(traces.markers), layout.markers):
            yield FoundLayout(layout=layout, by=path)
    for layout in left:
        if traces.os_id in layout.os_ids:
            yield FoundLayout(layout=layout, by=f"os-release, ID={traces.os_id}")


def _match(paths: Sequence[str], patterns: Sequence[str]) -> str:
    """The first path that fits one of the patterns; empty when none does."""
    fits = (path for path in paths for pattern in patterns if fnmatchcase(path, pattern))
    return next(fits, "")


def check_supported(found: FoundLayout) -> None:
    """Raise NodeTrouble (unsupported-node) where nothing can be configured, with the way out."""
    if found.layout.unsupported:
        where, detail = f"{found.layout.title}, by {found.by}", found.layout.unsupported
        raise NodeTrouble(Problem(reason=Reason.UNSUPPORTED_NODE, where=where, detail=detail))


def apply_layout(view: RuntimeView, found: FoundLayout) -> RuntimeView:
    """The view, with what the layout adds: an edit that its owner would undo is none."""
    layout = found.layout
    unset = any(problem.reason is Reason.CONFIG_PATH_UNSET for problem in view.problems)
    is_there = not layout.generated_at or view.config_file == layout.generated_at
    if not (unset and layout.generated and is_there):
        return replace(view, layout=str(found))
    generated = Problem(
        reason=Reason.CONFIG_GENERATED,
        where=view.config_file,
        detail=f"config_path is not set, and {layout.generated}",
    )
    others = (item for item in view.problems if item.reason is not Reason.CONFIG_PATH_UNSET)
    return replace(
        view, layout=str(found), problems=(*others, generated), change_needed="", change=None
    )


def usual_roots() -> tuple[Folder, ...]:
    """Where containerd may have read our files, whichever layout it was."""
    paths = (layout.config_path for layout in LAYOUTS if not layout.unsupported)
    roots = (root for path in paths if path for root in split_config_path(path))
    return tuple(dict.fromkeys((*default_roots(), *roots)))


def _named(name: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.name == name)
