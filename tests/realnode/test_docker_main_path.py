"""The main job on Docker with the containerd image store: hosts.toml, and nothing to restart."""

import shutil
from collections.abc import Iterator

import pytest

from tests.ground import programs
from tests.ground.certificates import Authority
from tests.ground.docker import CERTS_D
from tests.ground.fronts import IMAGES, Basic
from tests.realnode.docker_scene import DockerScene, docker_scene
from tests.realnode.scene import (
    ADDRESS,
    DEAD_ADDRESS,
    HOST,
    HOSTS,
    OTHER_ADDRESS,
    REPOSITORY,
    SHORT_HOST,
    STATE,
)
from tests.supported import Way

pytestmark = pytest.mark.realnode

OURS = {f"{host}/{file}" for host in HOSTS for file in ("ca.crt", "hosts.toml")}


@pytest.fixture
def version() -> str:
    """The one that reads hosts.toml."""
    return programs.DOCKER_VERSIONS[-1]


@pytest.fixture
def scene(version: str) -> Iterator[DockerScene]:
    with docker_scene(version) as made:
        yield made


def test_a_pull_fails_before_works_after_sync_at_once_and_remove_leaves_no_trace(
    scene: DockerScene,
):
    start = scene.files()
    process = scene.runtime.pid_on_node

    asked = scene.agent.call("plan", "--exit-code")
    before = scene.pull()
    synced = scene.agent.sync()
    after = {host: scene.pull(f"{host}/{REPOSITORY}").error for host in HOSTS}
    again = scene.agent.sync()
    planned = scene.agent.call("plan", "--exit-code")
    doctor = scene.agent.call("doctor")
    files = scene.docker_files()
    removed = scene.agent.remove()

    assert asked.status == 10, asked.out
    assert f"lookup {HOST}" in before.error
    assert (synced.status, synced.err) == (0, "")
    assert "tcp tls api effective" in synced.out
    assert after == dict.fromkeys(HOSTS, "")
    assert files == OURS
    assert (again.status, again.err) == (0, "")
    assert planned.status == 0, planned.out
    assert doctor.status == 0, doctor.out
    assert f"docker {scene.version()}, process {process}, reads /{CERTS_D}" in doctor.out
    assert "FAIL" not in doctor.out
    assert (removed.status, removed.err) == (0, "")
    assert scene.files() == start
    assert f"lookup {HOST}" in scene.pull().error
    assert scene.runtime.pid_on_node == process
    scene.record(Way.DIRECTORY)


def test_a_change_that_fails_is_held_and_another_address_and_another_ca_are_followed(
    scene: DockerScene,
):
    assert scene.agent.sync().status == 0
    scene.manifests.service(cluster_ips=[DEAD_ADDRESS])
    held = scene.agent.sync()
    assert "held" in held.reasons
    assert scene.server() == f"https://{ADDRESS}"
    assert scene.pull().error == ""

    second = Authority.create(name="second CA")
    scene.serve("other", address=OTHER_ADDRESS, authority=second)
    scene.ask_for(address=OTHER_ADDRESS, pem=second.pem)
    scene.registry.close_front("main")

    synced = scene.agent.sync()

    assert (synced.status, synced.err) == (0, "")
    assert scene.pull().error == ""
    assert scene.server() == f"https://{OTHER_ADDRESS}"
    assert scene.authority.pem not in scene.docker_file("ca.crt").read_text()


def test_a_directory_of_somebody_else_is_left_and_the_others_are_served(scene: DockerScene):
    theirs = scene.node.write(f"{CERTS_D}/{HOST}/ca.crt", scene.authority.pem)
    other = scene.node.write(f"{CERTS_D}/image-registry.svc:5000/ca.crt", "theirs\n")
    start = scene.files()

    synced = scene.agent.sync()
    pulled = scene.pull(f"{SHORT_HOST}/{REPOSITORY}").error
    removed = scene.agent.remove()

    assert synced.status == 1
    assert "host-taken" in synced.reasons
    assert pulled == ""
    assert (removed.status, removed.err) == (0, "")
    assert scene.files() == start
    assert (theirs.read_text(), other.read_text()) == (scene.authority.pem, "theirs\n")


def test_after_a_lost_record_ours_is_known_and_withdrawn(scene: DockerScene):
    assert scene.agent.sync().status == 0
    shutil.rmtree(scene.node.root / STATE)
    again = scene.agent.sync()
    assert (again.status, again.err) == (0, "")

    scene.manifests.service(cluster_ips=[ADDRESS], label="false")

    assert scene.agent.sync().status == 0
    assert scene.docker_files() == set()
    assert f"lookup {HOST}" in scene.pull().error


def test_a_live_run_sees_a_restart_and_repairs_what_was_deleted(scene: DockerScene):
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        scene.runtime.stop()
        live.wait_for_problem("runtime-unreachable")
        scene.runtime.start()
        live.wait_until_in_sync()
        shutil.rmtree(scene.node.root / CERTS_D)
        scene.wait_for_files(OURS)
    assert scene.pull().error == ""


def test_doctor_tells_that_pull_secrets_do_not_get_to_an_address(scene: DockerScene):
    scene.registry.switch_answers("main", Basic())
    assert scene.agent.sync().status == 0
    told = scene.agent.call("doctor").out
    scene.registry.switch_answers("main", IMAGES)

    assert "needs-node-auth" in told
    assert "needs-node-auth" not in scene.agent.call("doctor").out


def test_what_docker_is_told_not_to_verify_is_not_in_sync(version: str):
    """As minikube starts it: with the range of its Services among the insecure registries."""
    with docker_scene(version, settings={"insecure-registries": ["10.96.0.0/12"]}) as scene:
        synced = scene.agent.sync()

        assert synced.status == 1
        assert set(synced.reasons) == {"insecure-registry"}
        scene.restart_with({})
        assert scene.agent.sync().status == 0
        assert scene.pull().error == ""


def test_a_proxy_of_its_own_that_takes_the_address_is_told(version: str):
    proxies = {"https-proxy": f"http://{DEAD_ADDRESS}:3128"}
    with docker_scene(version, settings={"proxies": proxies}) as scene:
        synced = scene.agent.sync()
        scene.restart_with({"proxies": proxies | {"no-proxy": "10.96.0.0/12"}})
        again = scene.agent.sync()

        assert set(synced.reasons) == {"proxied"}
        assert (again.status, again.err) == (0, "")
