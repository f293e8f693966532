"""Performs steps on the node, with the intent on record before the first byte.

After a crash at any moment the ledger knows every file that may be there, and with which content;
the next pass sweeps what is half made and plans anew from what it finds.
"""

import threading
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from agent.errors import NodeTrouble, Problem
from agent.planning.fights import Fights, fought_over
from agent.planning.hostnames import registry_of
from agent.planning.ledger import Ledger, intend, settle
from agent.planning.lingering import reload_forbidden
from agent.planning.model import Folder
from agent.planning.registries_conf import USUAL
from agent.planning.steps import (
    AwaitReaders,
    CreateFolder,
    ReloadRuntime,
    RemoveDropIn,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
    Step,
    WriteDropIn,
    folders_of,
)
from agent.ports import Clock, HostFiles, Runtime, State

READERS_SECONDS = 2.0
"""How long one who has read the old hosts.toml gets to read the CA file that it names.

Nothing but a stalled disk or CPU lies between the two reads, so microseconds are the rule; a node
that stalls longer than this fails one pull. Only a change of both CA and endpoint waits at all.
"""


_NEEDS_ALL_BEFORE = (WriteDropIn, ReloadRuntime, RemoveEmptyFolder)
"""Steps that are left out once a folder has refused one.

A drop-in would name an endpoint whose certificates are missing, and what a directory was made for
may still be in it: it stays on record.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The steps that were done, the record after them, and what the node refused.

    `unfinished` are the folders in which not all was done.
    """

    done: tuple[Step, ...]
    ledger: Ledger
    unfinished: frozenset[Folder]
    refused: tuple[Problem, ...]


def nothing_done(
    steps: Iterable[Step], *, ledger: Ledger, refused: tuple[Problem, ...] = ()
) -> Applied:
    """The node was left as it is."""
    return Applied(done=(), ledger=ledger, unfinished=folders_of(steps), refused=refused)


@dataclass(slots=True, kw_only=True)
class Applier:
    """The only hand that changes the node."""

    files: HostFiles
    state: State
    runtime: Runtime
    clock: Clock
    stop: threading.Event
    may_reload: bool
    _fights: Fights = field(default_factory=Fights)

    def apply(
        self, steps: tuple[Step, ...], *, ledger: Ledger, known: Ledger, roots: Iterable[Folder]
    ) -> Applied:
        """Perform steps in order. `ledger` is the record to begin from, `known` the one on disk.

        A folder that refuses a step is left at that, and the others get theirs. The record of it
        stays what was intended: the step that was refused may be half done. Nothing is done at
        all when the intent cannot be put on record. What others undo each time is left alone.
        """
        refused = [_of(*item) for root in roots for item in self.files.sweep(root).items()]
        paused = self._fights.paused(steps, now=self.clock.monotonic())
        allowed = tuple(step for step in steps if not _is_in(step, paused))
        try:
            ledger = intend(ledger, steps=allowed, made=self._missing(allowed))
            if ledger != known or self.state.problems:
                self.state.save_ledger(ledger)
        except NodeTrouble as trouble:
            return nothing_done(steps, ledger=ledger, refused=(*refused, trouble.problem))
        done, troubles = self._perform_each(steps, paused)
        self._fights = self._fights.after(done, now=self.clock.monotonic())
        refused += [_of(folder, problem) for folder, problem in troubles.items()]
        unfinished = folders_of(set(steps).difference(done))
        settled = settle(ledger, steps=[step for step in done if not _is_in(step, unfinished)])
        try:
            if settled != ledger:
                self.state.save_ledger(settled)
        except NodeTrouble as trouble:
            refused.append(trouble.problem)
            settled = ledger
        return Applied(done=done, ledger=settled, unfinished=unfinished, refused=tuple(refused))

    def _perform_each(
        self, steps: Iterable[Step], paused: Iterable[Folder]
    ) -> tuple[tuple[Step, ...], dict[Folder | None, Problem]]:
        """The steps that were done, and the first refusal of each folder that refused one.

        A paused one counts as refused. None stands for the runtime. A wait for readers that a stop
        cut short leaves what follows it to the next process.
        """
        done: list[Step] = []
        refused: dict[Folder | None, Problem] = {folder: fought_over(folder) for folder in paused}
        for step in steps:
            if _is_in(step, refused) or (refused and isinstance(step, _NEEDS_ALL_BEFORE)):
                continue
            if None in refused and isinstance(step, RemoveFolder):
                continue  # the runtime goes on as before, perhaps by what is in it
            try:
                self._perform(step)
            except NodeTrouble as trouble:
                refused |= dict.fromkeys(folders_of([step]) or (None,), trouble.problem)
                continue
            done.append(step)
            if isinstance(step, AwaitReaders) and self.stop.is_set():
                break
        return tuple(done), refused

    def _missing(self, steps: Iterable[Step]) -> list[Folder]:
        """The folders that the steps will have to make on their way, outermost first."""
        made_in = [step.folder.parent for step in steps if isinstance(step, CreateFolder)]
        made_in += [step.folder for step in steps if isinstance(step, WriteDropIn)]
        return [folder for place in made_in for folder in self.files.missing(place)]

    def _perform(self, step: Step) -> None:
        match step:
            case CreateFolder():
                self.files.create_folder(step)
            case ReplaceFile():
                self.files.replace_file(step)
            case RemoveFolder():
                self.files.remove_folder(step)
            case RemoveEmptyFolder():
                self.files.remove_empty_folder(step)
            case WriteDropIn():
                self.files.write_drop_in(step)
            case RemoveDropIn():
                self.files.remove_drop_in(step)
            case ReloadRuntime():
                if not self.may_reload:
                    raise NodeTrouble(reload_forbidden(USUAL.drop_in))
                self.runtime.reload()
            case AwaitReaders():
                self.stop.wait(READERS_SECONDS)
            case _:
                assert_never(step)


def _is_in(step: Step, folders: Container[Folder | None]) -> bool:
    return not isinstance(step, AwaitReaders | ReloadRuntime) and step.folder in folders


def _of(folder: Folder | None, problem: Problem) -> Problem:
    """The problem as that of the registry whose directory it is."""
    if folder is None:
        return problem
    registry = registry_of(folder.path.rpartition("/")[2])
    return replace(problem, registry=str(registry)) if registry else problem
