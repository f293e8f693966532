"""When to stop repairing a directory that somebody else keeps undoing.

A file of ours that was deleted or changed is put back within about a second. Where another program
undoes that each time, both would write for ever, and pulls would fail in between all the same. So
the same directory is repaired a few times an hour, then left as it is and reported. What is new (a
changed endpoint or CA) is written at once in any case: it is no repair.

What a process wrote and when is its own memory: one that a person starts begins anew.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.errors import Problem, Reason
from agent.planning.ledger import content_hash, writes_of
from agent.planning.model import Folder
from agent.planning.steps import RemoveDropIn, RemoveFolder, Step, WriteDropIn

MAX_REPAIRS = 6
WINDOW_SECONDS = 3600.0

Contents = Mapping[str, str]
"""SHA-256 of a directory's files, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fights:
    """What was last written to each directory, and when it was repaired (monotonic seconds)."""

    written: Mapping[Folder, Contents] = field(default_factory=dict)
    repaired_at: Mapping[Folder, tuple[float, ...]] = field(default_factory=dict)

    def paused(self, steps: Iterable[Step], *, now: float) -> tuple[Folder, ...]:
        """The directories that the steps would repair once too often.

        None while a drop-in changes: it names all endpoints, and what it needs must be there.
        """
        steps = tuple(steps)
        repairs = tuple(self._repairs(_contents_of(steps)))
        drop_ins = {step.folder for step in steps if isinstance(step, WriteDropIn)}
        if not drop_ins <= set(repairs):
            return ()
        return tuple(
            folder for folder in repairs if len(self._recent(folder, now=now)) >= MAX_REPAIRS
        )

    def after(self, done: Iterable[Step], *, now: float) -> "Fights":
        """The memory after these steps were done."""
        written, repaired_at = dict(self.written), dict(self.repaired_at)
        done = tuple(done)
        contents = _contents_of(done)
        for folder in self._repairs(contents):
            repaired_at[folder] = (*self._recent(folder, now=now), now)
        for folder, new in contents.items():
            written[folder] = {**written.get(folder, {}), **new}
        for step in done:
            if isinstance(step, RemoveFolder | RemoveDropIn):
                written.pop(step.folder, None)
                repaired_at.pop(step.folder, None)
        return Fights(written=written, repaired_at=repaired_at)

    def _repairs(self, contents: Mapping[Folder, Contents]) -> Iterator[Folder]:
        """The directories that get nothing but what this process gave them before."""
        for folder, new in contents.items():
            if new.items() <= self.written.get(folder, {}).items():
                yield folder

    def _recent(self, folder: Folder, *, now: float) -> tuple[float, ...]:
        moments = self.repaired_at.get(folder, ())
        return tuple(moment for moment in moments if now - moment < WINDOW_SECONDS)


def fought_over(folder: Folder) -> Problem:
    """The problem of a directory whose repairs are paused."""
    return Problem(
        reason=Reason.FOUGHT_OVER,
        where=folder.path,
        detail=(
            f"it was repaired {MAX_REPAIRS} times within an hour, and somebody undid it each time; "
            "it is left as it is until the hour is over"
        ),
    )


def _contents_of(steps: Iterable[Step]) -> dict[Folder, dict[str, str]]:
    """What each directory will have been given in the end."""
    contents: dict[Folder, dict[str, str]] = {}
    for folder, name, content in writes_of(steps):
        contents.setdefault(folder, {})[name] = content_hash(content)
    return contents
