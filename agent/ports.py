"""What the loop needs from the world. Adapters fit by shape and never import this."""

from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from agent.errors import Problem
from agent.planning.evidence import ProbeResult, Proof
from agent.planning.known_good import KnownGood
from agent.planning.ledger import Ledger
from agent.planning.model import ClusterView, Folder, Found, HostPath, Route, RuntimeView
from agent.planning.steps import (
    CreateFolder,
    RemoveDropIn,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
    WriteDropIn,
)


class Source(Protocol):
    """Where the registry Services and trust bundles come from."""

    def view(self) -> ClusterView:
        """What is asked for now. Raises ClusterTrouble when nothing at all can be known."""
        ...


class Contact(Protocol):
    """The watches on an API server."""

    def start(self) -> None:
        """Begin to watch, in threads of their own."""
        ...

    def in_contact(self) -> bool:
        """Whether everything is known now."""
        ...

    def watch_ends(self) -> Mapping[str, int]:
        """How many watches ended so far, by how."""
        ...


class HostFiles(Protocol):
    """The node's files, through directory descriptors that follow no link below a base.

    Where not told otherwise, a refusal of the node is raised as NodeTrouble.
    """

    def names(self, folder: Folder) -> tuple[str, ...]:
        """Sorted names in a folder, without our own half-made ones; empty when it is missing."""
        ...

    def read(self, folder: Folder) -> Found:
        """What stands at a folder's place."""
        ...

    def missing(self, folder: Folder) -> tuple[Folder, ...]:
        """The folders that would have to be made for this one to exist, outermost first."""
        ...

    def signature(self, folder: Folder) -> Hashable:
        """Something that changes when the folder or a file of ours in it does; never raises."""
        ...

    def check_linked(self, folder: Folder) -> None:
        """Raise NodeTrouble (unlinked) when the folder we see is not the node's any more."""
        ...

    def sweep(self, folder: Folder) -> Mapping[Folder, Problem]:
        """Delete what an interrupted step of ours left half-made in a root; never raises.

        Returns what was refused, by directory.
        """
        ...

    def create_folder(self, step: CreateFolder) -> None:
        """Build beside, rename in, durably. Raises NodeTrouble (host-taken) if one is there."""
        ...

    def replace_file(self, step: ReplaceFile) -> None:
        """Write beside, fsync, rename over, fsync the directory."""
        ...

    def write_drop_in(self, step: WriteDropIn) -> None:
        """Like `replace_file`, in a directory that is made where it is missing."""
        ...

    def remove_drop_in(self, step: RemoveDropIn) -> None:
        """Delete one file, durably; fine when it is missing."""
        ...

    def remove_folder(self, step: RemoveFolder) -> None:
        """Rename out, then delete; in place, hosts.toml first, when others have files in it."""
        ...

    def remove_empty_folder(self, step: RemoveEmptyFolder) -> None:
        """Delete it if it is empty; leave it without a word if it is not."""
        ...


class State(Protocol):
    """The agent's own directory on the node: ledger, last good view, lock."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong with the record when it was last loaded."""
        ...

    def load_ledger(self) -> Ledger:
        """The record of what we wrote; an empty one when there is none for this machine."""
        ...

    def save_ledger(self, ledger: Ledger) -> None:
        """Durably. Raises NodeTrouble."""
        ...

    def load_known_good(self) -> KnownGood:
        """The last view that could be used; an empty one when there is none."""
        ...

    def save_known_good(self, known_good: KnownGood) -> None:
        """Durably. Raises NodeTrouble."""
        ...

    def remove_all(self) -> None:
        """Delete all of it. For whoever holds it exclusively. Raises NodeTrouble."""
        ...

    def signature(self) -> Hashable:
        """Something that changes when the record is touched by another hand; never raises."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the node's lock for one pass. Raises NodeTrouble (another-agent) after a wait."""
        ...


class Runtime(Protocol):
    """The container runtime on this node."""

    def observe(self) -> RuntimeView:
        """Which one, and where it reads per-registry files. Raises NodeTrouble."""
        ...

    def signature(self) -> Hashable:
        """Something that changes when the process, its socket or its files do; never raises."""
        ...

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """Let the runtime pull a tag that cannot exist from each host, and say what it met."""
        ...

    def reload(self) -> None:
        """Let it read its per-registry configuration again. Raises NodeTrouble (needs-reload)."""
        ...


class ConfigTurn(Protocol):
    """The runtime's own configuration, where config_path has to be turned on in it.

    A refusal of the node is raised as NodeTrouble.
    """

    def problems(self, runtime: RuntimeView) -> tuple[Problem, ...]:
        """Whether the runtime is older than what we have written for it: needs-restart."""
        ...

    def is_due(self, runtime: RuntimeView) -> bool:
        """Whether there is something to turn on, or a turn that was cut short."""
        ...

    def turn_on(self, runtime: RuntimeView) -> str:
        """Turn it on and restart the runtime, whole or undone; what was done, one line."""
        ...

    def repair(self, runtime: RuntimeView) -> tuple[Problem, ...]:
        """Put back what a runtime did not start with; what was found, where there was that."""
        ...

    def undo(self, *, needed: bool) -> tuple[Problem, ...]:
        """Put the file back, unless others need it; what is left, with the reason."""
        ...


class Services(Protocol):
    """The node's service manager."""

    def proxies(self, *, pid: int) -> Mapping[str, str]:
        """What the unit of a process sets of HTTPS_PROXY and NO_PROXY; empty where unknown."""
        ...


class Probe(Protocol):
    """The way from this node to a registry, tried as the runtime would go it."""

    def probe(self, route: Route) -> ProbeResult:
        """TCP, TLS, `GET /v2/`. Never raises for what it meets on the way."""
        ...


class Clock(Protocol):
    """Time is an argument."""

    def now(self) -> datetime:
        """Wall clock, UTC, aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...
