"""Pulls one after another, in a thread, for as long as a test changes things around them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Protocol

from tests.ground.cri import Pull
from tests.ground.namespaces import wait_until
from tests.realnode.scene import IMAGE


class Puller(Protocol):
    """Pulls an image that the node has forgotten."""

    def pull(self, image: str) -> Pull: ...


@dataclass(kw_only=True)
class PullLoop:
    """What the pulls met so far."""

    done: list[Pull] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """The runtime's words for each pull that failed."""
        return [pull.error for pull in self.done if not pull.ok]

    def wait_for_more(self, count: int = 1) -> None:
        """Until that many pulls have begun and ended after now."""
        until = len(self.done) + count + 1
        wait_until(lambda: len(self.done) >= until, what=f"{count} more pulls")


@contextmanager
def pulling(scene: Puller, image: str = IMAGE) -> Iterator[PullLoop]:
    """Pull the image again and again, forgotten before each time, until the end."""
    loop, stop = PullLoop(), Event()

    def pull_on() -> None:
        while not stop.is_set():
            loop.done.append(scene.pull(image))

    thread = Thread(target=pull_on, name=f"pull {image}")
    thread.start()
    try:
        loop.wait_for_more()
        yield loop
    finally:
        stop.set()
        thread.join()
