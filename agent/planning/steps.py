"""The steps from what a node has to what it should have: a closed union, dispatched by `match`.

Each is one effect that is whole or not there; their order is part of the plan.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from agent.planning.model import Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateFolder:
    """Build a host's directory beside its place and rename it in, whole."""

    folder: Folder
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceFile:
    """Replace, or add, one file in a directory of ours, durably, in one rename."""

    folder: Folder
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class AwaitReaders:
    """Wait a moment: who has read the old hosts.toml may not yet have read the CA it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFolder:
    """Rename a host's directory out and delete these files of ours, and it when then empty."""

    folder: Folder
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEmptyFolder:
    """Delete a directory that we made, if nobody put anything into it."""

    folder: Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteDropIn:
    """Put one file of ours into a directory that others use too; it is made where it is missing."""

    folder: Folder
    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDropIn:
    """Delete it again."""

    folder: Folder
    name: str


@dataclass(frozen=True, slots=True)
class ReloadRuntime:
    """Let the runtime read its per-registry configuration again; no container notices."""


Write: TypeAlias = CreateFolder | ReplaceFile | WriteDropIn
Removal: TypeAlias = RemoveFolder | RemoveEmptyFolder | RemoveDropIn
Step: TypeAlias = Write | Removal | AwaitReaders | ReloadRuntime


def folders_of(steps: Iterable[Step]) -> frozenset[Folder]:
    """The folders in which the steps do something."""
    return frozenset(
        step.folder for step in steps if not isinstance(step, AwaitReaders | ReloadRuntime)
    )
