"""Which of the containerd processes is the one that the kubelet uses, and where its files are.

A node may run several: Docker's own (its CRI plugin is disabled), one inside a container (kind),
the distribution's package beside the one that k3s, RKE2, k0s or MicroK8s brings. Never chosen
where there is another: one in a container, one that serves no CRI, one whose configuration cannot
be read from here. Of those that are left, one that was given a configuration on its command line
goes before a bare one, for whoever brings a containerd of his own tells it so; then the oldest.
"""

from dataclasses import dataclass
from pathlib import Path

from agent.errors import NodeTrouble
from agent.node.containerd_config_reader import read_configuration
from agent.node.processes import Daemon, containerd_options, find_daemons
from agent.node.remembered_daemon import RememberedDaemon
from agent.planning.containerd_config_file import clean
from agent.planning.containerd_merge import DEFAULT_SOCKET, merge
from agent.planning.model import HostPath

DEFAULT_CONFIG = HostPath("/etc/containerd/config.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Where a containerd has its files while none runs that could tell."""

    config: HostPath = DEFAULT_CONFIG
    socket: HostPath = DEFAULT_SOCKET


AT_REST = Rest()


class DaemonFinder:
    """Finds it, and remembers it."""

    def __init__(self, host_root: Path) -> None:
        self._host_root = host_root
        self._remembered = RememberedDaemon(host_root / "proc", self._search)

    def find(self) -> Daemon | None:
        """The daemon; None when none runs. Raises NodeTrouble when /proc cannot be read."""
        return self._remembered.find()

    def _search(self) -> Daemon | None:
        proc = self._host_root / "proc"
        found = find_daemons(proc, program="containerd", options=containerd_options)
        return min(found, key=self._rank, default=None)

    def _rank(self, daemon: Daemon) -> tuple[bool, bool, bool, bool]:
        """Smaller is better; among equals `min` takes the first, which is the oldest."""
        serves_cri = readable = True
        try:
            configuration = read_configuration(
                self._host_root, main_file(daemon), required=is_told(daemon), version=None
            )
            serves_cri = merge(configuration.files, version=None).serves_cri
        except NodeTrouble:
            readable = False
        return daemon.nested, not serves_cri, not readable, not is_told(daemon)


def main_file(daemon: Daemon | None, rest: Rest = AT_REST) -> HostPath:
    """Its config.toml: as its command line says, else the default, or where it is at rest."""
    if daemon is None:
        return rest.config
    return clean(daemon.config) if daemon.config else DEFAULT_CONFIG


def is_told(daemon: Daemon | None) -> bool:
    """Whether its command line names the file; it then does not start without it."""
    return bool(daemon and daemon.config)
