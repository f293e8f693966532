"""The loop: at once, when woken, when something on the node changes, and in its own time."""

import threading
from collections.abc import Callable
from datetime import timedelta

from agent.errors import NodeTrouble, Problem, Reason
from agent.loop import RETRY_SECONDS, Loop
from agent.planning.health import STUCK_SECONDS
from agent.planning.outcome import Outcome
from tests.anchors import NOW
from tests.fakes import NoWait
from tests.worlds import LONG, World, converged, service

INTERVAL = 300.0


class Wake(NoWait):
    """A wake event whose waits take no time; the clock says how long they were."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.loop = Loop(reconciler=world.agent)
        self.meanwhile: Callable[[], None] = lambda: None

    def wait(self, timeout: float | None = None) -> bool:
        self.world.clock.advance(timedelta(seconds=timeout or 0, microseconds=1))
        if not self.world.stop.is_set():
            self.meanwhile()
        return super().wait(timeout)


def passes(world: World, wake: Wake, *, count: int) -> list[float]:
    """Seconds on the clock at the end of each pass."""
    ends: list[float] = []

    def report(_: Outcome) -> None:
        ends.append(world.clock.monotonic())
        if len(ends) == count:
            world.stop.set()
            wake.set()

    wake.loop.run(wake=wake, probe_interval_seconds=INTERVAL, report=report)
    return ends


def test_while_all_is_well_it_waits_for_the_probe_interval_or_so() -> None:
    world = converged()
    first, second, third = passes(world, Wake(world), count=3)
    assert first == 0
    for waited in (second - first, third - second):
        assert 0.9 * INTERVAL <= waited <= 1.1 * INTERVAL


def test_while_not_it_tries_again_soon() -> None:
    world = World()
    world.ask(service())
    world.run()
    first, second = passes(world, Wake(world), count=2)
    assert 0.9 * RETRY_SECONDS <= second - first <= 1.1 * RETRY_SECONDS


def test_it_is_woken_at_once() -> None:
    world = converged()
    wake = Wake(world)
    wake.meanwhile = wake.set
    first, second = passes(world, wake, count=2)
    assert second - first < 2


def test_it_looks_every_second_whether_a_file_was_touched() -> None:
    world = converged()
    wake = Wake(world)
    wake.meanwhile = lambda: world.put_file(LONG, "ca.crt", b"")
    first, second = passes(world, wake, count=2)
    assert second - first < 2
    assert world.pulls()


def test_it_looks_whether_the_runtime_is_another() -> None:
    world = converged()
    wake = Wake(world)

    def change() -> None:
        world.runtime.identity = "containerd 2"

    wake.meanwhile = change
    first, second = passes(world, wake, count=2)
    assert second - first < 2
    assert world.runtime.proved[2:] == world.runtime.proved[:2]


def test_it_looks_whether_the_ledger_is_lost() -> None:
    world = converged()
    ledger = world.state.ledger
    wake = Wake(world)
    wake.meanwhile = world.state.wipe
    first, second = passes(world, wake, count=2)
    assert second - first < 2
    assert world.state.ledger == ledger


def test_a_pass_that_could_not_look_does_not_make_it_spin() -> None:
    world = converged()
    world.runtime.trouble = NodeTrouble(
        Problem(reason=Reason.NO_RUNTIME_FOUND, where="/", detail="none")
    )
    first, second = passes(world, Wake(world), count=2)
    assert second - first >= 0.9 * RETRY_SECONDS


def test_it_is_ready_after_the_first_pass_whatever_came_of_it() -> None:
    world = World()
    world.lose_the_view()
    wake = Wake(world)
    assert wake.loop.ready() == (False, "the first pass has not ended yet")
    passes(world, wake, count=1)
    assert wake.loop.ready() == (True, "the first pass has ended")


def test_it_is_live_while_it_turns_and_waits() -> None:
    world = converged()
    alive: list[bool] = []
    wake = Wake(world)
    wake.meanwhile = lambda: alive.append(wake.loop.live()[0])
    passes(world, wake, count=2)
    assert set(alive) == {True}


def test_it_is_dead_when_it_has_not_turned_for_long() -> None:
    world = converged()
    loop = Loop(reconciler=world.agent)
    world.clock.advance(timedelta(seconds=STUCK_SECONDS))
    assert loop.live() == (False, "the loop has not turned for 600 s")


def test_a_stop_before_the_first_pass_is_the_end() -> None:
    world = World()
    world.stop.set()
    Loop(reconciler=world.agent).run(
        wake=threading.Event(), probe_interval_seconds=INTERVAL, report=lambda _: world.run()
    )
    assert world.clock.now() == NOW
    assert world.faults.effects == 0
