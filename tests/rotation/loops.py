"""What goes on while something is changed: pulls on each node, and pushes of a builder."""

from contextlib import ExitStack
from itertools import count

from tests.ground.closing import Closing
from tests.ground.cri import Pull
from tests.ground.namespaces import wait_until
from tests.realnode.pull_loop import Puller, PullLoop, repeating
from tests.rotation.builder import Builder

_PAUSE_SECONDS = 0.2  # between two pushes: nodes pull more often than builders push
_LEAST_PER_SECOND = 2  # pulls that may be expected of a busy machine
_PATIENCE_SECONDS = 60.0


class Loops(Closing):
    """Each has ended one round before the next is begun; all of them end with `close`."""

    def __init__(self, image: str, *, pause_seconds: float) -> None:
        """`pause_seconds` is between two pulls of one node."""
        self._pause_seconds = pause_seconds
        self._images = [image]
        self.pulls: list[PullLoop] = []
        self.pushes: list[PullLoop] = []
        self._running = ExitStack()

    def close(self) -> None:
        self._running.close()

    def pull(self, *, on: str, by: Puller) -> None:
        """Pull on one more node: in turns, if there are several images."""
        turns = count()

        def pull_next() -> Pull:
            return by.pull(self._images[next(turns) % len(self._images)])

        attempts = repeating(pull_next, name=f"pull on {on}", pause_seconds=self._pause_seconds)
        self.pulls.append(self._running.enter_context(attempts))

    def pull_too(self, image: str) -> None:
        """Let every node pull this image too. No node pulls two at once: each is removed before."""
        self._images.append(image)

    def push(self, builder: Builder, repository: str) -> None:
        """Push to that repository."""
        attempts = repeating(
            lambda: builder.push(repository), name="push", pause_seconds=_PAUSE_SECONDS
        )
        self.pushes.append(self._running.enter_context(attempts))

    @property
    def errors(self) -> list[str]:
        """All that went wrong, and where."""
        loops = (*self.pulls, *self.pushes)
        return [f"{loop.name}: {error}" for loop in loops for error in loop.errors]

    @property
    def pulled(self) -> int:
        """How many pulls have ended, on all nodes together."""
        return sum(len(loop.done) for loop in self.pulls)

    @property
    def pushed(self) -> int:
        """How many pushes have ended."""
        return sum(len(loop.done) for loop in self.pushes)

    def wait_for_more(self, pulls: int) -> None:
        """Until there were that many pulls after now, and each loop has had one that began so."""
        self.wait_for(self.pulled + pulls)
        for loop in (*self.pulls, *self.pushes):
            loop.wait_for_more()

    def wait_for(self, pulls: int) -> None:
        """Until there were that many pulls in all."""
        seconds = _PATIENCE_SECONDS + pulls / _LEAST_PER_SECOND
        wait_until(lambda: self.pulled >= pulls, what=f"{pulls} pulls", seconds=seconds)
