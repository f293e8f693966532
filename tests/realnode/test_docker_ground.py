"""What the agent relies on in Docker, shown on the real program: which files it reads, and when."""

import pytest

from tests.ground.certificates import Authority
from tests.realnode.docker_ground import BY_NAME, DockerGround
from tests.realnode.scene import ABSENT, HOST, IMAGE, REPOSITORY

pytestmark = pytest.mark.realnode

DISTRUSTS = "unknown authority"


def test_with_containerds_store_both_files_are_read_at_every_pull(docker_ground: DockerGround):
    assert BY_NAME in docker_ground.error()
    docker_ground.trust()
    assert BY_NAME in docker_ground.error()
    docker_ground.name()
    assert docker_ground.error() == ""
    docker_ground.trust(Authority.create(name="other"))
    assert DISTRUSTS in docker_ground.error()


def test_with_containerds_store_a_name_with_its_port_needs_a_directory_of_its_own(
    docker_ground: DockerGround,
):
    docker_ground.trust()
    docker_ground.name()
    image = f"{HOST}:443/{REPOSITORY}"
    assert BY_NAME in docker_ground.error(image)
    docker_ground.trust(host=f"{HOST}:443")
    docker_ground.name(host=f"{HOST}:443")
    assert docker_ground.error(image) == docker_ground.error() == ""


def test_with_containerds_store_an_absent_tag_tells_whether_our_file_is_read(
    docker_ground: DockerGround,
):
    assert BY_NAME in docker_ground.error(f"{HOST}/{ABSENT}")
    docker_ground.trust()
    docker_ground.name()
    assert "not found" in docker_ground.error(f"{HOST}/{ABSENT}")


def test_what_the_kubelet_pulls_by_cri_dockerd_is_found_by_the_same_files(
    docker_ground: DockerGround,
):
    runtime = docker_ground.cri_dockerd
    runtime.start()
    assert BY_NAME in runtime.pull(IMAGE).error
    docker_ground.trust()
    docker_ground.name()
    assert "not found" in runtime.pull(f"{HOST}/{ABSENT}").error
    assert runtime.pull(IMAGE).error == ""


def test_the_classic_store_knows_no_place_for_a_name_so_its_name_must_resolve_on_the_node(
    classic_docker_ground: DockerGround,
):
    ground = classic_docker_ground
    ground.trust()
    ground.name()
    assert BY_NAME in ground.error()
    ground.let_the_name_resolve()
    assert ground.error() == ""


def test_the_classic_store_reads_the_ca_at_every_pull(classic_docker_ground: DockerGround):
    ground = classic_docker_ground
    ground.let_the_name_resolve()
    assert DISTRUSTS in ground.error()
    ground.trust()
    assert ground.error() == ""
    ground.trust(Authority.create(name="other"))
    assert DISTRUSTS in ground.error()


def test_docker_says_which_store_it_has(docker_ground: DockerGround):
    info = docker_ground.docker.info()
    assert info["DriverStatus"] == [["driver-type", "io.containerd.snapshotter.v1"]]


def test_docker_says_that_its_store_is_the_classic_one(classic_docker_ground: DockerGround):
    info = classic_docker_ground.docker.info()
    assert (info["Driver"], info["DriverStatus"]) == ("vfs", None)
