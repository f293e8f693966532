"""Docker with the classic image store: the CA alone, what that is worth, and when it goes."""

from datetime import timedelta

import pytest

from agent.errors import Reason
from agent.planning.docker_settings import DockerSettings
from agent.planning.model import CA_FILE, HOSTS_FILE, HostPath
from agent.planning.node_state import State, node_state
from agent.planning.node_view import DOCKER_ROOT
from agent.planning.trust_bundle import render_trust_file
from tests.anchors import ders, fingerprint, pem
from tests.fake_network import FakeDocker, Network
from tests.fakes import FakeHostFiles
from tests.worlds import (
    KNATIVE,
    LONG,
    NEW_IP,
    OLD_IP,
    SHORT,
    WITHDRAW_AFTER,
    World,
    bundle,
    service,
)

FOUND = f"https://{OLD_IP}:5000"


def docker_world(*, resolving: bool = False) -> tuple[World, FakeDocker]:
    """Docker with a registry that is asked for, whose name the node knows or not."""
    docker = FakeDocker(files=FakeHostFiles(), network=Network())
    world = World(docker=docker)
    world.files.tree[HostPath("/etc/docker")] = None
    docker.names = dict.fromkeys((LONG, SHORT), FOUND) if resolving else {}
    world.serve()
    world.ask(service())
    return world, docker


def ca_of(world: World, host: str = LONG) -> bytes | None:
    return world.file(host, CA_FILE, root=DOCKER_ROOT)


def ca(*anchors: int) -> bytes:
    return render_trust_file(ders(*anchors))


def test_the_ca_stands_alone_and_the_node_is_refused_with_the_reason() -> None:
    world, _ = docker_world()
    outcome = world.run()
    assert ca_of(world) == ca(1)
    assert world.file(LONG, HOSTS_FILE, root=DOCKER_ROOT) is None
    assert {problem.reason for problem in outcome.problems} == {Reason.CLASSIC_IMAGE_STORE}
    assert not outcome.in_sync
    assert node_state(outcome, version="1").state is State.REFUSED


def test_where_the_node_knows_the_name_by_itself_it_is_in_sync() -> None:
    world, _ = docker_world(resolving=True)
    assert world.run().in_sync


def test_another_address_changes_no_file() -> None:
    world, _ = docker_world()
    world.run()
    world.serve(NEW_IP)
    world.ask(service(NEW_IP))
    assert world.plan().steps == ()


def test_another_ca_is_written_once_the_registry_has_it() -> None:
    world, docker = docker_world(resolving=True)
    world.run()
    world.ask(service(), trust=bundle(2))
    assert Reason.HELD in world.reasons()
    assert ca_of(world) == ca(1)
    assert docker.pull(LONG).effective
    world.serve(signed_by=2)
    assert world.run().in_sync
    assert ca_of(world) == ca(2)


def test_a_directory_that_was_deleted_comes_back_with_what_its_siblings_trust() -> None:
    world, docker = docker_world(resolving=True)
    world.run()
    world.ask(service(), trust=bundle(2))
    del world.files.tree[HostPath(f"{DOCKER_ROOT.child(LONG).path}/{CA_FILE}")]
    del world.files.tree[DOCKER_ROOT.child(LONG).path]
    world.run()
    assert ca_of(world) == ca_of(world, SHORT) == ca(1)
    assert docker.pull(LONG).effective


def test_a_revoked_anchor_leaves_at_once() -> None:
    world, _ = docker_world()
    world.ask(service(), trust=bundle(1, 2))
    world.run()
    world.ask(service(), trust=bundle(1, 2, revoked=fingerprint(1)))
    world.run()
    assert ca_of(world) == ca(2)


@pytest.mark.parametrize(
    "content", [b"theirs\n", pem(1).encode(), pem(1).encode() + b"# not ours\n"]
)
def test_a_ca_that_a_person_put_there_is_theirs_though_it_be_the_right_one(content: bytes) -> None:
    world, docker = docker_world(resolving=True)
    world.files.tree[HostPath(DOCKER_ROOT.path)] = None
    world.put_file(LONG, CA_FILE, content, root=DOCKER_ROOT)
    assert Reason.HOST_TAKEN in world.reasons()
    assert world.plan().hosts == {KNATIVE: (SHORT,)}
    assert docker.pull(SHORT).effective
    world.agent.remove()
    assert ca_of(world) == content


def test_ours_is_known_without_the_record() -> None:
    world, _ = docker_world()
    world.run()
    world.state.wipe()
    assert world.plan().steps == ()
    assert world.agent.remove().left == ()
    assert ca_of(world) is None


def test_without_the_record_ours_is_found_also_where_docker_is_gone() -> None:
    world, _ = docker_world()
    world.run()
    world.state.wipe()
    world.docker = None
    world.restart()
    world.agent.remove()
    assert ca_of(world) is None


def test_a_name_that_is_no_longer_asked_for_stays_as_long_as_docker_pulls_by_it() -> None:
    world, docker = docker_world(resolving=True)
    world.run()
    world.ask()
    assert Reason.UNLABELLED_STILL_SERVING in world.reasons()
    docker.names = {}
    assert Reason.WITHDRAWAL_PENDING in world.reasons()
    world.clock.advance(WITHDRAW_AFTER - timedelta(seconds=1))
    world.run()
    assert ca_of(world) == ca(1)
    world.clock.advance(timedelta(seconds=2))
    world.run()
    assert ca_of(world) is None


def test_a_label_of_false_withdraws_at_once() -> None:
    world, _ = docker_world(resolving=True)
    world.run()
    world.ask(service(label="false"))
    world.run()
    assert ca_of(world) is None


def test_what_containerd_read_goes_once_docker_was_seen_to_pull() -> None:
    world, docker = docker_world()
    world.docker, docker_only = None, world.docker
    world.restart()
    assert world.run().in_sync
    world.docker = docker_only
    world.restart()
    world.run()
    world.run()
    assert world.file(LONG, HOSTS_FILE) is not None
    docker.settings = DockerSettings(trust_only=False)
    world.run()
    world.run()
    assert world.file(LONG, HOSTS_FILE) is None
    assert docker.pull(LONG).effective


def test_what_docker_is_told_not_to_verify_is_not_in_sync() -> None:
    world, docker = docker_world()
    docker.settings = DockerSettings(trust_only=False, insecure=("10.96.0.0/12",))
    outcome = world.run()
    assert docker.pull(LONG).effective
    assert {problem.reason for problem in outcome.problems} == {Reason.INSECURE_REGISTRY}


def test_what_it_sends_to_a_proxy_is_told_by_what_docker_says_of_itself() -> None:
    world, docker = docker_world(resolving=True)
    docker.settings = DockerSettings(trust_only=True, proxies={"HTTPS_PROXY": "http://10.0.0.1"})
    docker.names = dict.fromkeys((LONG, SHORT), "https://the-proxy-s-choice")
    assert world.reasons() == {Reason.PROXIED}


@pytest.mark.parametrize(
    ("entry", "trust_only", "verified"),
    [
        ("10.96.0.0/12", False, False),
        ("10.96.0.50", False, False),
        ("10.96.0.50:443", False, False),
        ("10.96.0.50:5000", False, True),
        ("127.0.0.0/8", False, True),
        ("fd00::/8", False, True),
        ("reg.a.svc", False, True),
        ("reg.a.svc", True, False),
        ("10.96.0.0/12", True, False),
        ("not/a-network", True, True),
    ],
)
def test_who_is_not_verified_is_told_by_name_address_or_network(
    entry: str,
    trust_only: bool,
    verified: bool,
) -> None:
    settings = DockerSettings(trust_only=trust_only, insecure=(entry,))
    address, authority = "10.96.0.50", "10.96.0.50:443"
    assert settings.verifies(host="reg.a.svc", address=address, authority=authority) is verified


@pytest.mark.parametrize("entry", ["[fd00::1]:5000", "fd00::/8"])
def test_so_it_is_told_by_an_address_with_colons(entry: str) -> None:
    settings = DockerSettings(trust_only=False, insecure=(entry,))
    authority = "[fd00::1]:5000"
    assert not settings.verifies(host="reg.a.svc", address="fd00::1", authority=authority)
