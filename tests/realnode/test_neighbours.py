"""Other tools on the same directory: Spegel, k3s, Dragonfly, before, during and after the agent.

Neither loses anything: they find their files as they left them, and ours are back in a moment.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.ground import neighbours
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.snapshot import Entry
from tests.realnode.agent_process import LiveAgent
from tests.realnode.scene import CERTS_D, HOST, HOSTS, OTHER_ADDRESS, STATE, Scene

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]

OURS = f"{CERTS_D}/knative.registry.svc"


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.start()
    node.write(f"{CERTS_D}/corp.example.org/hosts.toml", 'server = "https://corp.example.org"\n')
    return made


def certs_d(scene: Scene) -> Path:
    return scene.node.root / CERTS_D


def backup(scene: Scene) -> Path:
    return certs_d(scene) / "_backup"


def theirs(scene: Scene) -> Mapping[str, Entry]:
    """Everything on the node but our directories and our state."""
    return {
        path: entry
        for path, entry in scene.node.snapshot().items()
        if not path.startswith((OURS, STATE, "run/"))
    }


def wait_until_repaired(scene: Scene, live: LiveAgent) -> None:
    def all_are_there() -> bool:
        return all(scene.host_file("hosts.toml", host=host).exists() for host in HOSTS)

    wait_until(all_are_there, what="our directories are back")
    wait_until(scene.agent.has_nothing_to_do, what="all is as it should be")
    live.wait_until_in_sync()
    assert scene.pull().ok


def test_spegel_before_us_finds_its_files_as_it_left_them(scene: Scene):
    neighbours.spegel_configures(certs_d(scene))
    before = theirs(scene)

    with scene.agent.run() as live:
        live.wait_until_in_sync()
        assert scene.pull().ok
        assert theirs(scene) == before
        neighbours.spegel_configures(certs_d(scene))
        wait_until_repaired(scene, live)
    assert theirs(scene) == before
    assert scene.agent.remove().status == 0

    assert theirs(scene) == before
    assert not list(certs_d(scene).glob("knative*"))


def test_spegel_that_comes_and_goes_beside_us_loses_nothing_and_neither_do_we(scene: Scene):
    before = theirs(scene)
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        neighbours.spegel_configures(certs_d(scene))
        wait_until_repaired(scene, live)
        wait_until(
            lambda: [place.name for place in backup(scene).iterdir()] == ["corp.example.org"],
            what="nothing of ours is kept there",
        )

        scene.serve("other", address=OTHER_ADDRESS)
        scene.manifests.service(cluster_ips=[OTHER_ADDRESS])
        wait_until(lambda: OTHER_ADDRESS in scene.endpoint(), what="the new endpoint is written")
        wait_until(scene.agent.has_nothing_to_do, what="so it is under every name")
        neighbours.spegel_cleans_up(certs_d(scene))

        wait_until_repaired(scene, live)
        assert OTHER_ADDRESS in scene.endpoint()
    assert theirs(scene) == before


def test_spegel_that_goes_after_us_brings_nothing_of_ours_back(scene: Scene):
    before = theirs(scene)
    assert scene.agent.sync().status == 0
    neighbours.spegel_configures(certs_d(scene))
    assert (backup(scene) / HOST).is_dir()

    removed = scene.agent.remove()
    neighbours.spegel_cleans_up(certs_d(scene))

    assert (removed.status, removed.err) == (0, "")
    assert theirs(scene) == before
    assert not list(certs_d(scene).glob("knative*"))


def test_k3s_keeps_what_it_did_not_write_at_every_start(scene: Scene):
    neighbours.k3s_starts(certs_d(scene))
    before = theirs(scene)
    assert scene.agent.sync().status == 0
    written = scene.host_file("hosts.toml").stat()

    neighbours.k3s_starts(certs_d(scene))

    assert scene.host_file("hosts.toml").stat() == written
    assert scene.agent.sync().status == 0
    assert theirs(scene) == before
    assert scene.agent.remove().status == 0
    assert theirs(scene) == before


def test_an_old_k3s_deletes_all_at_its_start_and_ours_is_back_in_a_moment(scene: Scene):
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        neighbours.old_k3s_starts(certs_d(scene))
        wait_until_repaired(scene, live)
    assert (certs_d(scene) / "rke2.example.org/hosts.toml").is_file()


def test_dragonflys_default_does_not_stand_before_our_names(scene: Scene):
    neighbours.dfinit_configures(certs_d(scene))
    before = theirs(scene)

    assert scene.agent.sync().status == 0
    assert scene.pull().ok
    neighbours.dfinit_configures(certs_d(scene))
    assert scene.pull().ok
    assert scene.agent.sync().status == 0

    assert theirs(scene) == before
    assert (certs_d(scene) / HOST).is_dir()
