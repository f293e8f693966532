"""Putting the node back: all that is still ours goes, all else stays, and what stays is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Reason
from agent.planning.hostnames import registry_of
from agent.planning.ledger import Ledger, adopt
from agent.planning.model import (
    CA_FILE,
    HOSTS_FILE,
    Blocked,
    Folder,
    HostPath,
)
from agent.planning.node_view import NodeView
from agent.planning.ownership import Foreign
from agent.planning.registries_conf import USUAL
from agent.planning.removal import plan_removal
from agent.planning.steps import ReloadRuntime
from tests.planning.histories import FOREIGN_HOSTS, Past, Wish, foreign_folders, pasts, wishes
from tests.worlds import LONG, ROOT, World, converged, endpoint, service


def test_what_was_made_is_gone() -> None:
    start = World().tree()
    world = converged(service(), service(name="builds"))
    removal = world.agent.remove()
    assert world.tree() == start
    assert removal.left == ()


def test_without_a_ledger_our_files_are_recognised() -> None:
    world = converged()
    world.state.wipe()
    world.restart()
    assert world.agent.remove().left == ()
    assert world.files.names(ROOT) == ()


def test_a_directory_in_a_root_that_is_no_longer_read_goes_too() -> None:
    start = World().tree()
    world = converged()
    world.runtime.roots = (Folder(base=HostPath("/etc/docker"), below=("certs.d",)),)
    world.agent.remove()
    assert world.tree() == start


CHANGED = {
    "was edited": b"# mine\n",
    "was edited below our header": b"# Managed by registry-node-agent. And by me\n",
    "was emptied": b"",
}


@pytest.mark.parametrize("sentence", CHANGED)
def test_a_file_is_left_and_said_that(sentence: str) -> None:
    world = converged()
    world.put_file(LONG, HOSTS_FILE, CHANGED[sentence])
    [problem] = world.agent.remove().left
    assert problem.reason is Reason.CHANGED_BY_OTHERS
    assert problem.where == f"{ROOT.child(LONG).path}/{HOSTS_FILE}"
    assert world.files.names(ROOT.child(LONG)) == (HOSTS_FILE,)
    assert world.files.names(ROOT) == (LONG,)


def test_the_ca_stays_that_a_changed_hosts_file_names() -> None:
    world = converged()
    edited = (world.file(LONG, HOSTS_FILE) or b"") + b"# mine\n"
    world.put_file(LONG, HOSTS_FILE, edited)
    left = [problem.where.rpartition("/")[2] for problem in world.agent.remove().left]
    assert left == [HOSTS_FILE, CA_FILE]
    assert world.pulls()


def test_another_tools_file_in_our_directory_stays() -> None:
    world = converged()
    world.put_file(LONG, "client.key", b"theirs")
    world.agent.remove()
    assert world.files.names(ROOT) == (LONG,)
    assert world.file(LONG, "client.key") == b"theirs"


def test_where_our_directory_is_gone_there_is_nothing_to_do() -> None:
    world = converged()
    for path in [path for path in world.tree() if path.startswith(ROOT.child(LONG).path)]:
        del world.files.tree[path]
    assert world.agent.remove().left == ()
    assert ROOT.path not in world.tree()


def test_a_second_removal_finds_nothing() -> None:
    world = converged()
    world.agent.remove()
    world.restart()
    assert world.agent.remove().steps == ()


BLOCKED = {
    "a link at its place is told as left": (Reason.SYMLINK_REFUSED, "left"),
    "a file at its place is told as left": (Reason.HOST_TAKEN, "left"),
    "what cannot be read is told as such": (Reason.PERMISSION_DENIED, "unread"),
}


@pytest.mark.parametrize("sentence", BLOCKED)
def test_of_a_directory_that_is_none_any_more(sentence: str) -> None:
    reason, told_as = BLOCKED[sentence]
    folder = ROOT.child(LONG)
    ledger = adopt(Ledger(), folder=folder, files={CA_FILE: b"ours"})
    blocked = Blocked(reason=reason, detail="so it was found")
    removal = plan_removal(
        NodeView(roots=(ROOT,), found={folder: blocked}, ledger=ledger), USUAL, crio_runs=True
    )
    told = {"left": removal.left, "unread": removal.unread}
    assert [problem.reason for problem in told.pop(told_as)] == [reason]
    assert list(told.values()) == [()]
    assert removal.steps == ()


def test_what_has_left_the_drop_in_may_still_be_in_the_memory_of_a_crio_that_runs() -> None:
    node = NodeView(roots=(), ledger=Ledger(lingering={LONG: endpoint()}), registries_conf=USUAL)
    assert plan_removal(node, USUAL, crio_runs=True).steps == (ReloadRuntime(),)
    assert plan_removal(node, USUAL, crio_runs=False).steps == ()


# Properties


def planted(foreign: dict[str, dict[str, bytes]]) -> World:
    world = World()
    world.files.tree[ROOT.path] = None
    for host, files in foreign.items():
        world.files.tree[ROOT.child(host).path] = None
        for name, content in files.items():
            world.put_file(host, name, content)
    return world


@given(foreign=foreign_folders, first=wishes(), second=wishes(revoking=True, withdrawing=True))
def test_foreign_files_survive_every_pass_and_the_removal(
    foreign: dict[str, dict[str, bytes]], first: Wish, second: Wish
) -> None:
    world = planted(foreign)
    start = world.tree()
    for wish in (first, second):
        wish.come_true(world)
        world.run()
        assert start.items() <= world.tree().items()
    world.agent.remove()
    assert world.tree() == start


@given(foreign=foreign_folders, wish=wishes())
def test_they_survive_a_removal_without_a_ledger(
    foreign: dict[str, dict[str, bytes]], wish: Wish
) -> None:
    world = planted(foreign)
    start = world.tree()
    wish.come_true(world)
    world.run()
    world.state.wipe()
    world.restart()
    world.agent.remove()
    assert world.tree() == start


@given(
    name=st.sampled_from([HOSTS_FILE, CA_FILE]),
    content=st.one_of(st.binary(min_size=1), st.just(FOREIGN_HOSTS)),
    wish=wishes(revoking=True, withdrawing=True),
)
def test_what_took_the_place_of_a_file_of_ours_survives(
    name: str, content: bytes, wish: Wish
) -> None:
    world = converged()
    world.put_file(LONG, name, content)
    wish.come_true(world)
    world.run()
    world.agent.remove()
    assert world.file(LONG, name) == content


@given(past=pasts(), wish=wishes())
def test_after_a_removal_no_file_of_ours_is_there(past: Past, wish: Wish) -> None:
    """A pass first repairs what is wanted; what is not is left where it is damaged, and said."""
    world = past.world()
    wish.come_true(world)
    world.run()
    node = world.examine().node
    foreign = {folder.path for folder in node.found if isinstance(node.owner(folder), Foreign)}
    said = {problem.where.rpartition("/")[0] for problem in world.agent.remove().left}
    there = {ROOT.child(name).path for name in world.files.names(ROOT) if registry_of(name)}
    assert there <= foreign | said
