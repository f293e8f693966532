"""What `remove` finds without a ledger, wherever the runtime reads by now."""

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.containerd_config import default_roots
from agent.planning.model import Folder, HostPath
from tests.worlds import LONG, ROOT, World, route

MOVED = Folder(base=HostPath("/etc/containerd"), below=("other.d",))
UNSPLIT = default_roots()[1]
NOT_FOUND = NodeTrouble(Problem(reason=Reason.NO_RUNTIME_FOUND, where="/", detail="none"))


def ours_in(*places: Folder) -> World:
    """Files as we would write them, and nothing on record."""
    world = World()
    for place in places:
        world.put(LONG, route(), root=place)
    return world


def left(world: World) -> list[str]:
    """The files of ours that stand after `remove`."""
    world.agent.remove()
    return [path for path in world.tree() if LONG in path]


def test_without_a_ledger_the_roots_of_an_earlier_configuration_are_searched_too() -> None:
    world = ours_in(MOVED, ROOT, UNSPLIT)
    world.runtime.roots = (MOVED,)
    assert left(world) == []


def test_without_a_runtime_the_usual_roots_are_searched() -> None:
    world = ours_in(ROOT, UNSPLIT)
    world.runtime.trouble = NOT_FOUND
    assert left(world) == []


def test_a_root_that_is_usual_and_present_is_searched_once() -> None:
    world = ours_in(ROOT)
    assert [step.folder for step in world.agent.remove().steps] == [ROOT.child(LONG)]


def test_a_usual_root_that_is_somebodys_link_or_file_stops_nothing() -> None:
    world = ours_in(MOVED)
    world.runtime.roots = (MOVED,)
    world.files.tree[ROOT.path] = b"no directory"
    assert left(world) == []
    assert world.files.tree[ROOT.path] == b"no directory"


def test_the_runtimes_own_configuration_is_put_back_where_no_one_else_needs_it() -> None:
    world = ours_in(ROOT)
    world.agent.remove()
    assert world.turn.needed is False
    world.put(LONG, route())
    world.put_file("docker.io", "hosts.toml", b'server = "https://mirror.example"\n')
    world.agent.remove()
    assert world.turn.needed is True


def test_what_is_left_in_it_is_said() -> None:
    world = ours_in(ROOT)
    changed = Problem(reason=Reason.CHANGED_BY_OTHERS, where="/etc/config.toml", detail="so")
    world.turn.left = (changed,)
    assert world.agent.remove().left == (changed,)
