"""Pulls one after another, in a thread, for as long as a test changes things around them.

Or anything else that is tried again and again, and may never fail.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Protocol

from tests.ground.cri import Pull
from tests.ground.namespaces import wait_until
from tests.realnode.scene import IMAGE


class Puller(Protocol):
    """Pulls an image that the node has forgotten."""

    def pull(self, image: str) -> Pull: ...


class Attempt(Protocol):
    """How something ended: in the program's own words if it failed."""

    @property
    def ok(self) -> bool: ...
    @property
    def error(self) -> str: ...
    @property
    def seconds(self) -> float: ...


@dataclass(kw_only=True)
class PullLoop:
    """What the pulls met so far."""

    name: str
    done: list[Attempt] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """The runtime's words for each pull that failed."""
        return [pull.error for pull in self.done if not pull.ok]

    def wait_for_more(self, count: int = 1, *, seconds: float = 60.0) -> None:
        """Until that many pulls have begun and ended after now."""
        until = len(self.done) + count + 1
        what = f"{count} more times: {self.name}"
        wait_until(lambda: len(self.done) >= until, what=what, seconds=seconds)


def pulling(scene: Puller, image: str = IMAGE) -> AbstractContextManager[PullLoop]:
    """Pull the image again and again, forgotten before each time, until the end."""
    return repeating(lambda: scene.pull(image), name=f"pull {image}")


@contextmanager
def repeating(
    attempt: Callable[[], Attempt], *, name: str, pause_seconds: float = 0.0
) -> Iterator[PullLoop]:
    """Try it again and again until the end."""
    loop, stop = PullLoop(name=name), Event()

    def go_on() -> None:
        while not stop.wait(pause_seconds):
            loop.done.append(attempt())

    thread = Thread(target=go_on, name=name)
    thread.start()
    try:
        loop.wait_for_more()
        yield loop
    finally:
        stop.set()
        thread.join()
