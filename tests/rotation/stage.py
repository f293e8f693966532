"""A site with the trust controller on it: rotations begin and end here, and pulls are counted."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event
from time import monotonic

from tests.ground.closing import Starting
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.rotation.issuer import Issuer
from tests.rotation.loops import Loops
from tests.rotation.ring import STAGED, STEADY, SWITCHED, Ring
from tests.rotation.site import Site

SOAK_SECONDS, PATIENCE_SECONDS = 2, 4
_FLAGS = (f"--soak={SOAK_SECONDS}s", f"--wait-for-silent={PATIENCE_SECONDS}s")
_REFRESH_SECONDS = 3.0  # until the registry's pod has a new Secret, unless somebody writes onto it


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one scenario."""

    name: str
    pulls: int
    pushes: int
    errors: tuple[str, ...]
    seconds: float
    slowest_seconds: float


class Stage(Starting):
    """The cluster is empty but for `deploy/`, and the controller runs."""

    def __init__(self, *, pause_seconds: float = 0.0) -> None:
        """`pause_seconds` is between two pulls of one node."""
        self._pause_seconds = pause_seconds
        self._open = ExitStack()
        self._namespaces = 0
        self._before = ""
        self.outcomes: list[Outcome] = []
        self.is_whole = True

    def start(self) -> None:
        self.site = self._open.enter_context(Site(refresh_seconds=_REFRESH_SECONDS))
        self.ring = Ring(self.site.hub)
        self.issuer = self._open.enter_context(Issuer(self.site.hub, *_FLAGS))

    def close(self) -> None:
        self._open.close()

    def bootstrap(self) -> float:
        """Let the controller begin, on a cluster that trusts nobody.

        The seconds until every node has the CA and the registry serves; then all of them pull.
        """
        began = monotonic()
        self.issuer.start(*self.allowed)
        self.site.start_registry()
        self.wait(lambda: bool(self.ring.current), what="there is a CA")
        self.site.wait_for_anchors(self.ring.current)
        return monotonic() - began

    @property
    def allowed(self) -> list[str]:
        """The flags that say where registries may be."""
        further = [f"--namespace=team-{number}" for number in range(self._namespaces)]
        return ["--namespace=registry", *further]

    def demand_another(self) -> None:
        """Allow one namespace more: the CA of now may not sign for that, so another is made."""
        self._namespaces += 1
        self.issuer.close()

    def begin(self, *, soak_seconds: int = SOAK_SECONDS) -> None:
        """A rotation: another CA is made, and published for so long at least."""
        self._before = self.ring.current
        self.demand_another()
        self.issuer.start(*self.allowed, f"--soak={soak_seconds}s")
        self.wait_for(STAGED)

    def switch(self) -> None:
        """Its second half begins: the registry serves a certificate by the other CA."""
        before = self._before
        self.wait(lambda: self.has_switched(before), what="the certificate is another CA's")

    def retire(self) -> None:
        """It ends: nobody trusts the old CA any more."""
        self.ring.let_time_pass()
        self.wait(lambda: self.is_over(self._before), what="the old CA is retired")

    def has_switched(self, before: str) -> bool:
        """Whether the registry serves a certificate by another CA than that."""
        return self.ring.phase == SWITCHED and self.ring.current != before and self.ring.serves

    def is_over(self, before: str) -> bool:
        """Whether the rotation from that CA to another has ended, on all nodes."""
        ring, nodes = self.ring, self.site.nodes.values()
        return (
            ring.phase == STEADY
            and ring.current != before
            and ring.serves
            and all(node.anchors() == {ring.current} for node in nodes)
        )

    def wait_for_service(self, name: str) -> None:
        """Until the registry's certificate covers it, and every node has files for it."""
        nodes = self.site.nodes.values()
        self.wait(lambda: self.ring.covers(name), what=f"the certificate covers {name}")
        self.wait(lambda: all(node.anchors(name) for node in nodes), what=f"all nodes know {name}")

    def let_seconds_pass(self, seconds: float) -> None:
        """Nothing is done meanwhile."""
        Event().wait(seconds)

    def wait_for(self, phase: str, *, seconds: float = 60.0) -> None:
        """Until the rotation is there."""
        self.wait(lambda: self.ring.phase == phase, what=f"rotation: {phase}", seconds=seconds)

    def wait(self, condition: Callable[[], bool], *, what: str, seconds: float = 60.0) -> None:
        """Until that holds; else with the words of everybody who could have done it."""
        try:
            wait_until(condition, what=what, seconds=seconds)
        except NodeTroubleError as trouble:
            words = (self.site.story(), json.dumps(dict(self.issuer.told)))
            said = "\n".join((*words, self.issuer.last_words()))
            raise NodeTroubleError(f"{trouble}\n{said}") from trouble

    @contextmanager
    def scenario(self, name: str, *, pulls: int) -> Iterator[Loops]:
        """Something to go through, with at least that many pulls on the way."""
        if not self.is_whole:
            raise NodeTroubleError("an earlier scenario has not come to its end")
        self.is_whole, began = False, monotonic()
        with self.site.loops(pause_seconds=self._pause_seconds) as loops:
            yield loops
            loops.wait_for(pulls)
            loops.wait_for_more(1)
        self.is_whole = True
        every = [attempt.seconds for loop in loops.pulls for attempt in loop.done]
        outcome = Outcome(
            name=name,
            pulls=loops.pulled,
            pushes=loops.pushed,
            errors=tuple(loops.errors),
            seconds=monotonic() - began,
            slowest_seconds=max(every),
        )
        self.outcomes.append(outcome)
