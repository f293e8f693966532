"""Looks at the node, for a pass to judge, and remembers cheaply how it was found."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from agent.errors import NodeTrouble
from agent.planning import removal
from agent.planning.docker_settings import DockerSettings
from agent.planning.layout_choice import usual_roots
from agent.planning.ledger import Ledger
from agent.planning.model import Folder, FoundFolder, RegistriesConf, RuntimeView
from agent.planning.node_view import BACKUP, NodeView, folders_to_read
from agent.planning.registries_conf import USUAL
from agent.ports import HostFiles, Runtime, State

NodeState: TypeAlias = tuple[tuple[Folder, ...], Hashable, Hashable, tuple[Hashable, ...]]


@dataclass(slots=True, kw_only=True)
class Observer:
    """Sees what planning must know. `made` are the folders that this process knows we made."""

    files: HostFiles
    state: State
    runtime: Runtime
    made: tuple[Folder, ...] = ()
    _found: NodeState | None = None

    def forget(self) -> None:
        """Nothing was looked at yet."""
        self._found = None

    def note(self, folders: tuple[Folder, ...]) -> None:
        """These are looked at now: `moved` tells when they are not as they are."""
        self._found = self._node_state(folders)

    def moved(self) -> bool:
        """Whether the node is not as it was noted; False if nothing was."""
        return self._found is not None and self._node_state(self._found[0]) != self._found

    def load_ledger(self) -> Ledger:
        """The record; one that was lost under a live agent is partly remembered."""
        ledger = self.state.load_ledger()
        return Ledger(made=self.made) if ledger == Ledger() else ledger

    def look(
        self,
        ledger: Ledger,
        *,
        roots: tuple[Folder, ...],
        hosts: Iterable[str] = (),
        settled: bool = False,
        conf: RegistriesConf | None = None,
        docker: DockerSettings | None = None,
    ) -> NodeView:
        """All that stands where it concerns us. Raises NodeTrouble."""
        for root in roots:
            self.files.check_linked(root)
        names = {root: self.files.names(root) for root in roots}
        for backup in [root.child(BACKUP) for root in roots if BACKUP in names[root]]:
            if isinstance(self.files.read(backup), FoundFolder):
                names[backup] = self.files.names(backup)
        folders = folders_to_read(roots=roots, names=names, hosts=hosts, ledger=ledger, conf=conf)
        self.note((*roots, *folders))
        found = {folder: self.files.read(folder) for folder in folders}
        return NodeView(
            roots=roots,
            names=names,
            found=found,
            ledger=ledger,
            settled=settled,
            registries_conf=conf,
            docker=docker,
        )

    def find_runtime(self) -> RuntimeView | None:
        """The runtime; None where the node does not tell which it is."""
        try:
            return self.runtime.observe()
        except NodeTrouble:
            return None

    def roots_to_search(self, runtime: RuntimeView | None) -> tuple[Folder, ...]:
        """Where files of ours may be, also where nothing but their content tells."""
        present = runtime.roots if runtime else ()
        places = dict.fromkeys((*present, *usual_roots(), *USUAL.folders))
        return removal.roots_to_search({root: self.files.read(root) for root in places})

    def _node_state(self, folders: tuple[Folder, ...]) -> NodeState:
        """What can be seen cheaply of all that a pass looks at."""
        return (
            folders,
            self.runtime.signature(),
            self.state.signature(),
            tuple(self.files.signature(folder) for folder in folders),
        )
