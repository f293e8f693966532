"""Where the view comes from, and who is told what came of it: the loop's two ends."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from agent.errors import Problem
from agent.planning.node_state import NodeState
from agent.ports import Contact, Source

Say: TypeAlias = Callable[[Problem], None]


class Publisher(Protocol):
    """What tells the API server of the node's state."""

    def publish(self, state: NodeState, problems: tuple[Problem, ...]) -> None:
        """Let this be what the node is found to be. Never waits."""
        ...

    def run(self) -> None:
        """Publish, until the process ends; for a thread of its own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the view comes from: what to read, and what to follow.

    `place` says it in words. `directories` are those whose changes may change the view; `contact`
    is None without watches. `publisher` makes what publishes and complains to the function it is
    given; it is None where there is nobody to tell.
    """

    source: Source
    place: str
    directories: tuple[Path, ...]
    contact: Contact | None = None
    publisher: Callable[[Say], Publisher] | None = None
