"""A pass that ends at any effect: the pull that worked still works, and the next pass converges."""

from collections.abc import Callable
from itertools import count

import pytest

from agent.errors import NodeTrouble, Problem, Reason
from tests.anchors import fingerprint
from tests.fakes import DISK_FULL, CrashNow
from tests.worlds import LONG, NEW_IP, SHORT, World, bundle, converged, service

Story = Callable[[], World]
NOT_DURABLE = NodeTrouble(Problem(reason=Reason.IO_ERROR, where="/etc", detail="fsync failed"))


def first_time() -> World:
    world = World()
    world.ask(service())
    world.serve()
    return world


def through_somebodys_default() -> World:
    world = first_time()
    world.put_file("_default", "hosts.toml", b"theirs")
    world.runtime.default_works = True
    return world


def another_endpoint() -> World:
    world = converged()
    world.serve(NEW_IP)
    world.ask(service(NEW_IP))
    return world


def another_ca() -> World:
    """The registry serves the new certificate already, for its clients the moment is now."""
    world = converged(trust=bundle(1, 2))
    world.serve(signed_by=2)
    world.ask(service(), trust=bundle(2))
    return world


def another_ca_and_endpoint() -> World:
    world = converged()
    world.serve(NEW_IP, signed_by=2)
    world.ask(service(NEW_IP), trust=bundle(2))
    return world


def a_revoked_anchor() -> World:
    world = converged(trust=bundle(1, 3))
    world.ask(service(), trust=bundle(1, revoked=fingerprint(3)))
    return world


def a_damaged_directory() -> World:
    world = converged()
    world.put_file(SHORT, "ca.crt", b"")
    return world


def a_lost_ledger() -> World:
    world = another_endpoint()
    world.state.wipe()
    return world


def one_more_registry() -> World:
    world = converged()
    world.ask(service(), service(name="builds"))
    return world


def one_less_registry() -> World:
    world = converged(service(), service(name="builds"))
    world.ask(service(), service(name="builds", label="false"))
    return world


STORIES = [
    first_time,
    through_somebodys_default,
    another_endpoint,
    another_ca,
    another_ca_and_endpoint,
    a_revoked_anchor,
    a_damaged_directory,
    a_lost_ledger,
    one_more_registry,
    one_less_registry,
]


@pytest.mark.parametrize(
    ("error", "late"),
    [(CrashNow(), False), (DISK_FULL, False), (NOT_DURABLE, True)],
    ids=["kill -9", "disk full", "done but not durable"],
)
@pytest.mark.parametrize("story", STORIES)
def test_at_every_effect(story: Story, error: BaseException, *, late: bool) -> None:
    uncut = story()
    assert uncut.run().in_sync
    for effect in count(1):
        world = story()
        worked = {host: world.pulls(host) for host in (LONG, SHORT)}
        world.faults.at, world.faults.error = world.faults.effects + effect, error
        world.faults.late = late
        if not interrupted(world):
            break
        for host, before in worked.items():
            assert world.pulls(host) or not before
        world.restart()
        assert world.run().in_sync
        assert world.tree() == uncut.tree()
        assert world.state.load_ledger().entries == uncut.state.load_ledger().entries
        world.agent.remove()
        assert not [path for path in world.tree() if ".registry.svc" in path]
    assert effect > 1


def interrupted(world: World) -> bool:
    """Whether the fault was met in this pass."""
    try:
        world.run()
    except CrashNow:
        return True
    return world.faults.effects >= world.faults.at


def test_the_withdrawal_of_the_last_registry() -> None:
    start = World().tree()
    for effect in count(1):
        world = converged()
        world.ask(service(label="false"))
        world.faults.at, world.faults.error = world.faults.effects + effect, CrashNow()
        if not interrupted(world):
            break
        world.restart()
        assert world.run().in_sync
        assert world.tree() == start
    assert effect > 3
