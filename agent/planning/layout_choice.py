"""Which layout a node has, by what was seen of it, and what that adds to the runtime's view."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.containerd_config import default_roots, split_config_path
from agent.planning.layouts import AUTO, DEFAULT_LAYOUT, LAYOUTS, Layout
from agent.planning.model import Folder, HostPath, RuntimeView
from agent.planning.node_view import DOCKER_ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What a distribution has left on the node: paths of the table that exist, and two names.

    `os_id` is the `ID` of os-release, empty where that cannot be read. `moved` are the data
    directories that are not where their layout, by its name, has them usually.
    """

    markers: frozenset[str]
    os_id: str
    node_name: str
    moved: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLayout:
    """A layout, what gave it away, and its data directory where that was moved."""

    layout: Layout
    by: str
    moved_to: str = ""

    @property
    def config(self) -> HostPath:
        """The runtime's configuration, as long as no process tells where it is."""
        usual = self.layout.config
        if not self.moved_to:
            return HostPath(usual)
        return HostPath(f"{self.moved_to}{usual.removeprefix(self.layout.data_dir)}")

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
        found = FoundLayout(layout=_named(setting), by=f"--layout {setting}")
    else:
        default = FoundLayout(layout=_named(DEFAULT_LAYOUT), by="nothing that tells another")
        found = next(_candidates(traces, told), default)
    return replace(found, moved_to=traces.moved.get(found.layout.name, ""))


def _candidates(traces: Traces, told: Sequence[str]) -> Iterator[FoundLayout]:
    """All that something speaks for, the surest first."""
    for layout in LAYOUTS:
        if traces.node_name.startswith(layout.node_names):
            yield FoundLayout(layout=layout, by=f"the node's name {traces.node_name}")
    yield from _told(traces, told)
    left = [layout for layout in LAYOUTS if not (told and layout.told)]
    for layout in left:
        if path := _match(sorted(traces.markers), layout.markers):
            yield FoundLayout(layout=layout, by=path)
    for layout in left:
        if traces.os_id in layout.os_ids:
            yield FoundLayout(layout=layout, by=f"os-release, ID={traces.os_id}")


def _told(traces: Traces, told: Sequence[str]) -> Iterator[FoundLayout]:
    """Those that the paths of a running process give away."""
    by_doubt = sorted(LAYOUTS, key=lambda layout: _doubt(layout, traces, told))
    patterns = [(layout, layout.told) for layout in LAYOUTS]
    patterns += [(layout, layout.told_by_many) for layout in by_doubt]
    for layout, its in patterns:
        if path := _match(told, its):
            yield FoundLayout(layout=layout, by=f"the runtime's {path}")


def _doubt(layout: Layout, traces: Traces, told: Sequence[str]) -> tuple[bool, bool]:
    """Smaller where more speaks for it: its own settings name that place, else it is installed."""
    data_dir = traces.moved.get(layout.name)
    is_there = data_dir is not None and any(path.startswith(f"{data_dir}/") for path in told)
    return not is_there, traces.markers.isdisjoint(layout.markers)


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
    unset = any(problem.reason is Reason.CONFIG_PATH_UNSET for problem in view.problems)
    if not (unset and _is_generated(view, found.layout)):
        return replace(view, layout=str(found))
    way_out = found.layout.generated.format(folder=posixpath.dirname(view.config_file))
    generated = Problem(
        reason=Reason.CONFIG_GENERATED,
        where=view.config_file,
        detail=f"config_path is not set, and {way_out}",
    )
    others = (item for item in view.problems if item.reason is not Reason.CONFIG_PATH_UNSET)
    return replace(
        view, layout=str(found), problems=(*others, generated), change_needed="", change=None
    )


def _is_generated(view: RuntimeView, layout: Layout) -> bool:
    """Whether the distribution would write the configuration again; by its mark, where it has one.

    What stands in the main file is known where that is what had to be edited.
    """
    if layout.generated_at and view.config_file != layout.generated_at:
        return False
    change = view.change
    if not layout.generated_mark or change is None or change.path != view.config_file:
        return bool(layout.generated)
    lines = (change.before or b"").decode().splitlines()
    return change.before is None or layout.generated_mark in map(str.strip, lines)


def usual_roots() -> tuple[Folder, ...]:
    """Where containerd or Docker may have read our files, whichever layout it was."""
    paths = (layout.config_path for layout in LAYOUTS if not layout.unsupported)
    roots = (root for path in paths if path for root in split_config_path(path))
    return tuple(dict.fromkeys((*default_roots(), *roots, DOCKER_ROOT)))


def _named(name: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.name == name)
