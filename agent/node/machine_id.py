"""Which machine this is, machine-id(5): a state directory may be copied with a node's image."""

from pathlib import Path

from agent.node.node_trouble import node_trouble
from agent.node.seen_path import seen_path
from agent.plain_file import read_plain_file
from agent.planning.model import HostPath

_PATH = HostPath("/etc/machine-id")
_MAX_BYTES = 4096  # it is 33


def machine_id(host_root: Path) -> str:
    """The node's own; empty when it has none. Raises NodeTrouble."""
    with node_trouble(where=_PATH, doing="reading it"):
        try:
            content = read_plain_file(seen_path(host_root, _PATH), limit=_MAX_BYTES).content
        except FileNotFoundError:
            return ""
    return content.decode("ascii", errors="replace").strip()
