"""What holds for every plan where the runtime is Docker with the classic image store."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from agent.planning.docker_settings import DockerSettings
from agent.planning.hostnames import cluster_hostnames
from agent.planning.model import CA_FILE, HOSTS_FILE, HostPath
from agent.planning.node_view import DOCKER_ROOT
from tests.fake_network import FakeDocker, Network
from tests.fakes import FakeHostFiles
from tests.planning.histories import DOMAIN, Wish, cut, foreign_folders, wishes
from tests.worlds import (
    World,
    after_each_step,
    endpoint,
)

PLACE = DOCKER_ROOT.path


def _one_address(wish: Wish) -> Wish:
    """So that what the node finds behind a name is what the Service has."""
    services = (replace(item, cluster_ips=item.cluster_ips[:1]) for item in wish.services)
    return replace(wish, services=tuple(services))


asked = wishes().map(_one_address)
pasts = st.lists(wishes(withdrawing=True).map(_one_address), max_size=3)


def docker_world() -> tuple[World, FakeDocker]:
    docker = FakeDocker(files=FakeHostFiles(), network=Network())
    world = World(docker=docker)
    world.files.tree[HostPath("/etc/docker")] = None
    return world, docker


def lived(past: list[Wish]) -> tuple[World, FakeDocker]:
    world, docker = docker_world()
    for wish in past:
        come_true(wish, world, docker)
        world.run()
    return world, docker


def come_true(wish: Wish, world: World, docker: FakeDocker) -> None:
    """The node's own DNS knows every name of it."""
    wish.come_true(world)
    docker.names = {
        host: endpoint(item.cluster_ips[0], item.ports[0].number).url
        for item in wish.services
        for host in cluster_hostnames(item.registry, port=item.ports[0].number, domain=DOMAIN)
    }


def files_of(world: World) -> dict[str, bytes]:
    """What stands below the root: `<host>/<file>`."""
    return {
        path.removeprefix(f"{PLACE}/"): content
        for path, content in world.files.tree.items()
        if path.startswith(f"{PLACE}/") and content is not None
    }


@given(past=pasts, wish=asked)
def test_what_was_pulled_before_is_pulled_at_every_step(past: list[Wish], wish: Wish) -> None:
    world, docker = lived(past)
    come_true(wish, world, docker)
    pulled = [host for host in docker.names if docker.pull(host).effective]
    event(f"{len(pulled)} were pulled")

    def look() -> None:
        assert [host for host in pulled if not docker.pull(host).effective] == []

    after_each_step(world, world.plan().steps, look)


@given(past=pasts, wish=asked)
def test_a_pass_leaves_nothing_to_do_and_cas_alone(past: list[Wish], wish: Wish) -> None:
    world, docker = lived(past)
    come_true(wish, world, docker)
    world.run()
    assert world.plan().steps == ()
    assert all(name.endswith(f"/{CA_FILE}") for name in files_of(world))


@given(past=pasts, wish=asked, cut_at=st.integers(1, 8))
def test_a_pass_cut_anywhere_is_made_good_by_the_next(
    past: list[Wish], wish: Wish, cut_at: int
) -> None:
    world, docker = lived(past)
    come_true(wish, world, docker)
    cut(world, cut_at)
    world.run()
    assert world.plan().steps == ()


@given(past=pasts, lost=st.booleans())
def test_removal_leaves_nothing(past: list[Wish], lost: bool) -> None:
    world, docker = docker_world()
    before = set(world.tree())
    for wish in past:
        come_true(wish, world, docker)
        world.run()
    if lost:
        world.state.wipe()
    assert world.agent.remove().left == ()
    assert set(world.tree()) - before <= {PLACE} if lost else set(world.tree()) == before


@given(past=pasts, wish=asked, foreign=foreign_folders)
def test_a_directory_of_somebody_else_is_never_touched(
    past: list[Wish], wish: Wish, foreign: dict[str, dict[str, bytes]]
) -> None:
    world, docker = docker_world()
    for host, files in foreign.items():
        world.files.tree[HostPath(PLACE)] = None
        world.files.tree[DOCKER_ROOT.child(host).path] = None
        for name, content in files.items():
            world.put_file(host, name, content, root=DOCKER_ROOT)
    theirs = {path: content for path, content in world.tree().items() if path.startswith(PLACE)}
    for each in (*past, wish):
        come_true(each, world, docker)
        world.run()
        assert theirs.items() <= world.tree().items()
    world.agent.remove()
    assert theirs.items() <= world.tree().items()


@given(past=pasts, wish=asked)
def test_after_another_image_store_the_files_are_its_own(past: list[Wish], wish: Wish) -> None:
    world, docker = lived(past)
    come_true(wish, world, docker)
    docker.settings = DockerSettings(trust_only=False)
    world.run()
    with_hosts = wanted_files(world, docker)
    docker.settings = DockerSettings(trust_only=True)
    world.run()
    alone = wanted_files(world, docker)
    assert with_hosts == dict.fromkeys(docker.names, (CA_FILE, HOSTS_FILE))
    assert alone == dict.fromkeys(docker.names, (CA_FILE,))
    assert world.plan().steps == ()


def wanted_files(world: World, docker: FakeDocker) -> dict[str, tuple[str, ...]]:
    """What stands for each hostname that is asked for."""
    paths = [name.split("/") for name in sorted(files_of(world))]
    return {host: tuple(file for name, file in paths if name == host) for host in docker.names}
