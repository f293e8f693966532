"""What distributions leave on a node, as far as an agent in a pod can see it: by `stat` alone."""

from pathlib import Path

from agent.node.containerd_config_reader import state_of
from agent.node.seen_path import seen_path
from agent.planning.layout_choice import Traces
from agent.planning.layouts import LAYOUTS
from agent.planning.model import HostPath

OS_RELEASE = HostPath("/etc/os-release")
"""Often a link to /usr, which the DaemonSet does not mount: then markers have to do."""
_MAX_CHARACTERS = 1 << 16


def look_for_traces(host_root: Path, *, node_name: str) -> Traces:
    """The markers of the table that exist, and the operating system; never raises."""
    markers = {marker for layout in LAYOUTS for marker in layout.markers}
    return Traces(
        markers=frozenset(path for path in markers if is_visible(host_root, HostPath(path))),
        os_id=_os_id(host_root),
        node_name=node_name,
    )


def is_visible(host_root: Path, path: HostPath) -> bool:
    """Whether something stands there, below the host root as we see it."""
    return state_of(host_root, path) is not None


def _os_id(host_root: Path) -> str:
    """The `ID` of os-release(5), which may stand in quotes."""
    try:
        with seen_path(host_root, OS_RELEASE).open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_MAX_CHARACTERS).splitlines()
    except OSError:
        return ""
    ids = [line.removeprefix("ID=").strip("\"' ") for line in lines if line.startswith("ID=")]
    return ids[-1] if ids else ""
