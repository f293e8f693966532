"""Performs steps on the node, with the intent on record before the first byte.

After a crash at any moment the ledger knows every file that may be there, and with which content;
the next pass sweeps what is half made and plans anew from what it finds.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from agent.errors import NodeTrouble, Problem
from agent.planning.ledger import Ledger, intend, settle
from agent.planning.model import Folder
from agent.planning.steps import (
    AwaitReaders,
    CreateFolder,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
    Step,
)
from agent.ports import HostFiles, State

READERS_SECONDS = 2.0
"""How long one who has read the old hosts.toml gets to read the CA file that it names.

Nothing but a stalled disk or CPU lies between the two reads, so microseconds are the rule; a node
that stalls longer than this fails one pull. Only a change of both CA and endpoint waits at all.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The steps that were done, the record after them, and what the node refused, if it did.

    After a refusal no further step is done.
    """

    done: tuple[Step, ...]
    ledger: Ledger
    refused: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applier:
    """The only hand that changes the node."""

    files: HostFiles
    state: State
    stop: threading.Event

    def apply(
        self, steps: tuple[Step, ...], *, ledger: Ledger, known: Ledger, roots: Iterable[Folder]
    ) -> Applied:
        """Perform steps in order. `ledger` is the record to begin from, `known` the one on disk.

        A wait for readers that a stop cut short leaves what follows it to the next process.
        """
        done: list[Step] = []
        try:
            for root in roots:
                self.files.sweep(root)
            ledger = intend(ledger, steps=steps, made=self._missing(steps))
            if ledger != known or self.state.problems:
                self.state.save_ledger(ledger)
            for step in steps:
                self._perform(step)
                done.append(step)
                if isinstance(step, AwaitReaders) and self.stop.is_set():
                    return Applied(done=tuple(done), ledger=ledger)
            settled = settle(ledger, steps=steps)
            if settled != ledger:
                self.state.save_ledger(settled)
        except NodeTrouble as trouble:
            return Applied(done=tuple(done), ledger=ledger, refused=(trouble.problem,))
        return Applied(done=tuple(done), ledger=settled)

    def _missing(self, steps: Iterable[Step]) -> list[Folder]:
        """The folders that the steps will have to make on their way, outermost first."""
        return [
            folder
            for step in steps
            if isinstance(step, CreateFolder)
            for folder in self.files.missing(step.folder.parent)
        ]

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
            case AwaitReaders():
                self.stop.wait(READERS_SECONDS)
            case _:
                assert_never(step)
