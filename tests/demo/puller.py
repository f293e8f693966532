"""Pulls without a pause, each of an image the runtime does not have, and counts the failures."""

from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Self

from tests.ground.cri import Pull
from tests.ground.namespaces import wait_until
from tests.ground.node import Node


@dataclass(kw_only=True)
class Puller:
    """A loop of pull and remove in a thread of its own, for as long as it is entered."""

    node: Node
    image: str
    pulls: list[Pull] = field(default_factory=list)
    _done: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._thread = Thread(name="puller", target=self._loop, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(timeout=60)

    @property
    def failures(self) -> list[str]:
        """The runtime's words about each failed pull."""
        return [pull.error for pull in self.pulls if not pull.ok]

    def await_pulls(self, more: int) -> None:
        """Wait for so many more pulls to end, however they end."""
        enough = len(self.pulls) + more
        wait_until(lambda: len(self.pulls) >= enough, what=f"{more} more pulls", seconds=60)

    def _loop(self) -> None:
        while not self._done.is_set():
            self.node.remove_image(self.image)
            self.pulls.append(self.node.pull(self.image))
