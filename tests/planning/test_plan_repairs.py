"""What is repaired while a change is held, and what is left behind in roots that nobody reads."""

from dataclasses import replace

from agent.planning.model import Folder, HostPath
from agent.planning.standing import as_it_stands
from agent.planning.steps import RemoveFolder, folders_of
from tests.worlds import LONG, NEW_IP, ROOT, SHORT, converged, route, service

UNREAD = Folder(base=HostPath("/etc/containerd"), below=("old.d",))


def test_a_directory_lost_during_a_hold_gets_the_route_of_its_siblings() -> None:
    world = converged()
    world.ask(service(NEW_IP))
    world.run()
    for path in [path for path in world.files.tree if f"/{LONG}" in path]:
        del world.files.tree[path]
    world.run()
    assert world.stands(LONG) == world.stands(SHORT) == route()


def test_a_damaged_one_too() -> None:
    world = converged()
    world.ask(service(NEW_IP))
    world.put_file(LONG, "hosts.toml", b"")
    world.run()
    assert world.stands(LONG) == world.stands(SHORT) == route()


def test_after_a_refusal_the_routes_on_disk_are_told() -> None:
    world = converged()
    world.serve(NEW_IP)
    world.ask(service(NEW_IP))
    examination = world.examine()
    plan = examination.plan
    told = as_it_stands(plan, examination.node, unfinished=folders_of(plan.steps))
    assert set(told.routes.values()) == {route()}
    assert {name: set(hosts) for name, hosts in told.hosts.items()} == {
        name: set(hosts) for name, hosts in examination.plan.hosts.items()
    }


def test_directories_in_a_root_that_nobody_reads_any_more_are_removed() -> None:
    world = converged()
    world.runtime.roots = (UNREAD,)
    world.run()
    assert world.stands(LONG) == world.stands(LONG, root=UNREAD) == route()
    world.runtime.settled = True
    plan = world.plan()
    assert {step.folder.parent for step in plan.steps if isinstance(step, RemoveFolder)} == {ROOT}
    world.run()
    assert world.stands(LONG) is None
    assert world.stands(LONG, root=UNREAD) == replace(route())
