"""What holds for every plan where the runtime is CRI-O."""

from collections.abc import Callable

from hypothesis import event, given
from hypothesis import strategies as st

from agent.errors import Reason
from agent.planning.crio_drop_in import parse_drop_in, render_drop_in
from agent.planning.evidence import Proof
from tests.fake_network import FakeCrio
from tests.planning.crio_worlds import DEAF, DROP_IN, certificates_in, crio_world, pasts, pulled_by
from tests.planning.histories import Wish, cut, wishes
from tests.worlds import World, after_each_step, bundle, endpoint, service


def still_pulled(crio: FakeCrio, hosts: list[str]) -> Callable[[], None]:
    def look() -> None:
        assert [host for host in hosts if not crio.pull(host).effective] == []

    return look


@given(past=pasts, wish=wishes())
def test_what_was_pulled_before_is_pulled_at_every_step(past: list[Wish], wish: Wish) -> None:
    world, crio = crio_world(past)
    wish.come_true(world)
    asked = {item.registry for item in wish.services}
    pulled = [host for host in pulled_by(crio) if any(str(name.name) in host for name in asked)]
    event(f"{len(pulled)} were pulled")
    after_each_step(world, world.plan().steps, still_pulled(crio, pulled))


def test_so_it_is_when_ca_and_endpoint_change_together() -> None:
    world, crio = moved_world()
    pulled = pulled_by(crio)
    assert pulled
    after_each_step(world, world.plan().steps, still_pulled(crio, pulled))
    assert {crio.pull(host).authority for host in pulled} == {"10.96.0.51:5000"}


def test_so_it_is_when_nobody_reloads_it_and_it_goes_on_with_what_it_loaded() -> None:
    world, crio = moved_world()
    pulled = pulled_by(crio)
    crio.deaf = DEAF
    for _ in range(3):
        assert Reason.NEEDS_RELOAD in world.reasons()
        still_pulled(crio, pulled)()
    assert {crio.pull(host).authority for host in pulled} == {"10.96.0.50:5000"}


def test_so_it_is_while_it_does_not_even_tell_what_it_goes_by() -> None:
    world, crio = moved_world()
    pulled = pulled_by(crio)
    crio.deaf, crio.answer = DEAF, Proof(reason=Reason.RUNTIME_TIMEOUT, detail="it hangs")
    for _ in range(3):
        world.run()
        still_pulled(crio, pulled)()


def test_once_it_goes_by_the_new_endpoint_the_old_certificates_are_gone() -> None:
    world, _ = moved_world()
    world.run()
    assert certificates_in(world) == {"10.96.0.50:5000", "10.96.0.51:5000"}
    world.run()
    assert certificates_in(world) == {"10.96.0.51:5000"}


def moved_world() -> tuple[World, FakeCrio]:
    """Converged, and then the registry has another address and another CA."""
    world, crio = crio_world()
    world.serve("10.96.0.50", signed_by=1)
    world.ask(service("10.96.0.50"), trust=bundle(1))
    assert world.run().in_sync
    world.serve("10.96.0.51", signed_by=2)
    world.ask(service("10.96.0.51"), trust=bundle(2))
    return world, crio


@given(past=pasts, wish=wishes())
def test_two_passes_leave_nothing_to_do(past: list[Wish], wish: Wish) -> None:
    """The second removes the certificates that the first one left to those who still used them."""
    world, _ = crio_world(past)
    wish.come_true(world)
    world.run()
    world.run()
    assert world.plan().steps == ()
    before = world.tree()
    world.run()
    assert world.tree() == before


@given(past=pasts, wish=wishes(), cut_at=st.integers(1, 12))
def test_a_pass_cut_anywhere_is_made_good_by_the_next_ones(
    past: list[Wish], wish: Wish, cut_at: int
) -> None:
    world, crio = crio_world(past)
    wish.come_true(world)
    cut(world, cut_at)
    world.run()
    world.run()
    assert world.plan().steps == ()
    assert crio.loaded == {
        host: place.authority
        for host, place in parse_drop_in(world.files.tree.get(DROP_IN) or b"").items()
    } or not all(crio.pull(host).effective for host in crio.loaded)


@given(past=pasts, wish=wishes())
def test_what_a_runtime_that_was_not_reloaded_uses_stays(past: list[Wish], wish: Wish) -> None:
    world, crio = crio_world(past)
    wish.come_true(world)
    pulled = pulled_by(crio)
    crio.deaf = DEAF
    for _ in range(3):
        world.run()
        assert [host for host in pulled if not crio.pull(host).effective] == []


@given(past=pasts)
def test_removal_leaves_nothing(past: list[Wish]) -> None:
    world, _ = crio_world()
    before = world.tree()
    for wish in past:
        wish.come_true(world)
        world.run()
    assert world.agent.remove().left == ()
    assert world.tree() == before


@given(
    entries=st.dictionaries(
        st.sampled_from(["a.b.svc", "a.b.svc:443", "a.b.svc.cluster.local:5000"]),
        st.sampled_from([endpoint(), endpoint("10.96.0.51", 443)]),
    )
)
def test_a_drop_in_reads_back(entries: dict[str, object]) -> None:
    assert parse_drop_in(render_drop_in(entries)) == entries  # type: ignore[arg-type]
