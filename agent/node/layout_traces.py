"""What distributions leave on a node, as far as an agent in a pod can see it.

Nearly all of it by `stat` alone. Where k3s or RKE2 has its data is read from their own settings,
or from the words that their unit starts them with.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from agent.node.containerd_config_reader import matching_paths, state_of
from agent.node.seen_path import seen_path
from agent.planning.layout_choice import Traces
from agent.planning.layouts import LAYOUTS, Layout
from agent.planning.model import HostPath

OS_RELEASE = HostPath("/etc/os-release")
"""Often a link to /usr, which the DaemonSet does not mount: then markers have to do."""
_MAX_CHARACTERS = 1 << 16
_DATA_DIR = re.compile(
    r"""(?:(?:^\s*["']?|--)data-dir|^\s*\w+_DATA_DIR)["']?[\s:=\\"']+(/[^\s"'\\]+)""", re.MULTILINE
)
"""YAML's `data-dir: /x`, an environment's `K3S_DATA_DIR=/x`, and a unit's `--data-dir /x` with its
quotes and backslashes. No library: the agent has none for YAML in this room."""


def look_for_traces(host_root: Path, *, node_name: str) -> Traces:
    """The markers of the table that exist, and the operating system; never raises."""
    markers = {marker for layout in LAYOUTS for marker in layout.markers}
    return Traces(
        markers=frozenset(path for path in markers if is_visible(host_root, HostPath(path))),
        os_id=_os_id(host_root),
        node_name=node_name,
        moved={layout.name: place for layout in LAYOUTS for place in _data_dirs(host_root, layout)},
    )


def is_visible(host_root: Path, path: HostPath) -> bool:
    """Whether something stands there, below the host root as we see it."""
    return state_of(host_root, path) is not None


def _data_dirs(host_root: Path, layout: Layout) -> Iterator[str]:
    """Where its settings move the data directory, in their order; comments say nothing."""
    for pattern in layout.moved_in:
        for path in matching_paths(host_root, pattern):
            lines = _read(host_root, path).splitlines()
            text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
            yield from (place.rstrip("/") for place in _DATA_DIR.findall(text))


def _os_id(host_root: Path) -> str:
    """The `ID` of os-release(5), which may stand in quotes."""
    lines = _read(host_root, OS_RELEASE).splitlines()
    ids = [line.removeprefix("ID=").strip("\"' ") for line in lines if line.startswith("ID=")]
    return ids[-1] if ids else ""


def _read(host_root: Path, path: HostPath) -> str:
    """The beginning of a small file; empty where it cannot be read."""
    try:
        with seen_path(host_root, path).open(encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_CHARACTERS)
    except OSError:
        return ""
