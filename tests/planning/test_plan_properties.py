"""What holds for every plan, whatever the node has been through."""

from hypothesis import assume, event, given
from hypothesis import strategies as st

from agent.errors import Reason
from agent.planning.hostnames import registry_of
from agent.planning.model import CA_FILE, HOSTS_FILE, FoundFolder
from agent.planning.ownership import Ours
from agent.planning.pem import find_certificates
from agent.planning.steps import AwaitReaders
from tests.anchors import anchor, fingerprint
from tests.fakes import CrashNow
from tests.planning.histories import ADDRESSES, Past, Wish, anchors, hosts, pasts, wishes
from tests.worlds import ROOT, WITHDRAW_AFTER, World, after_each_step, bundle, service


def host_names(world: World) -> list[str]:
    return [name for name in world.files.names(ROOT) if registry_of(name)]


@given(past=pasts(), wish=wishes())
def test_a_pass_leaves_nothing_to_do(past: Past, wish: Wish) -> None:
    """Until the present address has failed three times: a new process has counted none."""
    world = past.world()
    world.restart()
    wish.come_true(world)
    world.run()
    assert world.plan().steps == ()
    before = world.tree()
    world.run()
    assert world.tree() == before


@given(past=pasts(revoking=True), wish=wishes(revoking=True, withdrawing=True))
def test_with_revocations_a_second_pass_may_be_needed(past: Past, wish: Wish) -> None:
    """Without the revoked anchor the present route may fail, and then a held change is written."""
    world = past.world()
    world.restart()
    wish.come_true(world)
    world.run()
    world.run()
    assert world.plan().steps == ()


@given(past=pasts(), wish=wishes(), data=st.data())
def test_a_pass_cut_anywhere_ends_where_the_uncut_one_does(
    past: Past, wish: Wish, data: st.DataObject
) -> None:
    """But for holds: what a cut left half-changed may have come to work, and is then held."""
    uncut, world = past.world(), past.world()
    wish.come_true(uncut)
    wish.come_true(world)
    before = uncut.faults.effects
    uncut.run()
    effects = uncut.faults.effects - before
    cut_at = data.draw(st.integers(1, effects + 1), label="cut at effect")
    world.faults.at, world.faults.error = world.faults.effects + cut_at, CrashNow()
    try:
        world.run()
    except CrashNow:
        event("was cut")
    world.restart()
    reasons = world.reasons()
    assert world.plan().steps == ()
    assert world.tree() == uncut.tree() or Reason.HELD in reasons


@given(past=pasts(), wish=wishes(), stuck=hosts)
def test_a_directory_that_refuses_keeps_no_other_behind(past: Past, wish: Wish, stuck: str) -> None:
    """Freed, it is brought along. Any change may need a second pass, to see what it came to."""
    free, world = past.world(), past.world()
    wish.come_true(free)
    wish.come_true(world)
    pulled = world.pulls(stuck)
    world.files.read_only = frozenset({ROOT.child(stuck).path})
    free.run()
    event("refused" if Reason.READ_ONLY_FILE_SYSTEM in world.reasons() else "not touched")
    assert without(stuck, world) == without(stuck, free)
    assert world.pulls(stuck) or not pulled
    world.files.read_only = frozenset()
    world.restart()
    free.restart()
    free.run()
    reasons = world.reasons() | world.reasons()
    assert world.plan().steps == ()
    assert world.tree() == free.tree() or Reason.HELD in reasons


def without(host: str, world: World) -> dict[str, bytes | None]:
    """The files but for those of one directory."""
    place = ROOT.child(host).path
    files = world.tree().items()
    return {
        path: content
        for path, content in files
        if content is not None and not path.startswith(f"{place}/")
    }


@given(past=pasts(), wish=wishes())
def test_what_was_pulled_before_is_pulled_at_every_step(past: Past, wish: Wish) -> None:
    world = past.world()
    wish.come_true(world)
    assert_pulled_at_every_step(world)


@given(past=pasts(), trusts=st.lists(anchors, min_size=1, max_size=2), restarted=st.booleans())
def test_a_registry_that_was_only_down_is_pulled_again(
    past: Past, trusts: list[list[int]], *, restarted: bool
) -> None:
    """Whatever the bundle said while nothing answered; its address and port stay the same."""
    world = past.world()
    world.run()
    services = world.source.view().services
    pulled = [
        host
        for host in host_names(world)
        for item in services
        if registry_of(host) == item.registry and world.pulls(host)
        if (stands := world.stands(host)) and str(stands.endpoint.address) in item.cluster_ips
        if stands.endpoint.port == item.ports[0].number
    ]
    serving = dict(world.network.serving)
    world.network.serving.clear()
    for trust in trusts:
        world.ask(*services, trust=bundle(*trust))
        world.run()
        if restarted:
            world.restart()
    world.network.serving.update(serving)
    assert [host for host in pulled if not world.pulls(host)] == []


@given(old=st.integers(1, 3), new=st.integers(1, 3), addresses=st.permutations(ADDRESSES))
def test_so_it_is_when_ca_and_endpoint_change_together(
    old: int, new: int, addresses: list[str]
) -> None:
    world = World()
    world.serve(addresses[0], signed_by=old)
    world.serve(addresses[1], signed_by=new)
    world.ask(service(addresses[0]), trust=bundle(old))
    world.run()
    world.ask(service(addresses[1]), trust=bundle(new))
    assert_pulled_at_every_step(world)


def assert_pulled_at_every_step(world: World) -> None:
    """Also by one who reads hosts.toml now, and the CA file it names some steps later."""
    pulled = [host for host in host_names(world) if world.pulls(host)]
    steps = world.plan().steps
    trees: list[dict[str, bytes | None]] = []
    after_each_step(world, steps, lambda: trees.append(world.tree()))
    for begun, tree in enumerate(trees):
        for ended in range(begun, len(trees)):
            if any(isinstance(step, AwaitReaders) for step in steps[begun:ended]):
                break
            for host in pulled:
                hosts_path = f"{ROOT.child(host).path}/{HOSTS_FILE}"
                world.files.tree = {**trees[ended], hosts_path: tree[hosts_path]}
                assert world.pulls(host), (host, begun, ended)


@given(past=pasts(revoking=True), wish=wishes(revoking=True, withdrawing=True))
def test_no_file_ever_comes_to_name_a_ca_that_is_not_there(past: Past, wish: Wish) -> None:
    world = past.world()
    wish.come_true(world)
    seen: list[set[str]] = []
    after_each_step(world, world.plan().steps, lambda: seen.append(dangling(world)))
    assert set().union(*seen) == seen[0]


def dangling(world: World) -> set[str]:
    return {
        host
        for host in host_names(world)
        if b'ca = "ca.crt"' in (world.file(host, HOSTS_FILE) or b"")
        and world.file(host, CA_FILE) is None
    }


@given(past=pasts(revoking=True), wish=wishes(revoking=True, withdrawing=True))
def test_a_revoked_anchor_is_gone_after_any_pass(past: Past, wish: Wish) -> None:
    world = past.world()
    wish.come_true(world)
    world.run()
    revoked = {anchor(number) for number in (1, 2, 3) if fingerprint(number) in wish.trust.revoked}
    node = world.examine().node
    for folder in node.host_folders():
        found = node.found[folder]
        if isinstance(found, FoundFolder) and isinstance(node.owner(folder), Ours):
            text = found.files.get(CA_FILE, b"").decode()
            assert not revoked & set(find_certificates(text))


@given(past=pasts(), wish=wishes())
def test_what_is_unknown_changes_nothing(past: Past, wish: Wish) -> None:
    """Any change may need a second pass, to see what it came to."""
    world = past.world()
    wish.come_true(world)
    world.run()
    world.run()
    with_view = world.plan().steps
    world.lose_the_view()
    assert world.plan().steps == with_view
    world.restart()
    assert world.plan().steps == ()


@given(past=pasts(), wiped=st.booleans())
def test_what_is_unknown_takes_no_directory_away_however_long(past: Past, *, wiped: bool) -> None:
    world = past.world()
    before = world.files.names(ROOT)
    world.network.serving.clear()
    world.lose_the_view()
    if wiped:
        world.state.wipe()
    for _ in range(2):
        world.run()
        world.clock.advance(WITHDRAW_AFTER)
    assert set(before) <= set(world.files.names(ROOT))


@given(past=pasts())
def test_with_nothing_known_nothing_is_done(past: Past) -> None:
    world = past.world()
    world.state.wipe()
    world.lose_the_view()
    assume(world.tree())
    assert world.plan().steps == ()
