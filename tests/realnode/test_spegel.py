"""Spegel's real program on the same directory, before, during and after the agent.

Neither loses anything: it finds its files as it left them, and ours are back in a moment.
"""

import pytest

from tests.ground import programs
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.spegel import Spegel
from tests.missing_programs import found_or_skipped
from tests.realnode.scene import HOST, OTHER_ADDRESS, Scene
from tests.realnode.shared_directory import (
    THEIRS,
    certs_d,
    nothing_of_ours_is_left,
    shared_scene,
    theirs,
    wait_until_repaired,
)

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]

ALL: tuple[str, ...] = ()
SOME = ("--mirrored-registries", "https://docker.io", "https://quay.io")
THEIRS_TOO = ("--prepend-existing", "--mirrored-registries", f"https://{THEIRS}")


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    return shared_scene(node, registry)


@pytest.fixture
def spegel(scene: Scene) -> Spegel:
    found_or_skipped("Spegel", programs.spegel)
    return Spegel(scene.node, certs_d=certs_d(scene))


@pytest.mark.parametrize("flags", [ALL, SOME, THEIRS_TOO], ids=["all", "some", "theirs too"])
def test_spegel_before_us_finds_its_files_as_it_left_them(
    scene: Scene, spegel: Spegel, flags: tuple[str, ...]
):
    spegel.configure(*flags)
    before = theirs(scene)

    with scene.agent.run() as live:
        live.wait_until_in_sync()
        assert scene.pull().ok
        assert theirs(scene) == before
        spegel.configure(*flags)
        wait_until_repaired(scene, live)
    assert theirs(scene) == before
    assert scene.agent.remove().status == 0

    assert theirs(scene) == before
    assert nothing_of_ours_is_left(scene)


def test_spegel_that_comes_and_goes_beside_us_loses_nothing_and_neither_do_we(
    scene: Scene, spegel: Spegel
):
    before = theirs(scene)
    backup = certs_d(scene) / "_backup"
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        spegel.configure()
        wait_until_repaired(scene, live)
        wait_until(
            lambda: [place.name for place in backup.iterdir()] == [THEIRS],
            what="nothing of ours is kept there",
        )

        scene.serve("other", address=OTHER_ADDRESS)
        scene.manifests.service(cluster_ips=[OTHER_ADDRESS])
        wait_until(lambda: OTHER_ADDRESS in scene.endpoint(), what="the new endpoint is written")
        wait_until(scene.agent.has_nothing_to_do, what="so it is under every name")
        spegel.clean_up()

        wait_until_repaired(scene, live)
        assert OTHER_ADDRESS in scene.endpoint()
    assert theirs(scene) == before


def test_spegel_that_goes_after_us_brings_nothing_of_ours_back(scene: Scene, spegel: Spegel):
    before = theirs(scene)
    assert scene.agent.sync().status == 0
    spegel.configure()
    assert (certs_d(scene) / "_backup" / HOST).is_dir()

    removed = scene.agent.remove()
    spegel.clean_up()

    assert (removed.status, removed.err) == (0, "")
    assert theirs(scene) == before
    assert nothing_of_ours_is_left(scene)


def test_spegel_that_mirrors_our_own_name_is_told_of_and_left_alone(scene: Scene, spegel: Spegel):
    spegel.configure("--mirrored-registries", f"https://{HOST}")
    written = scene.host_file("hosts.toml").read_text()

    done = scene.agent.sync()

    assert (done.status, done.reasons) == (1, ("host-taken",))
    assert scene.host_file("hosts.toml").read_text() == written
    spegel.clean_up()
    assert scene.agent.sync().status == 0
    assert scene.pull().ok
