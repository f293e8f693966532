"""What the agent cannot be sure of: a running process's roots, a registry or containerd down."""

import os
import shutil
import time

import pytest

from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import CERTS_D, DEAD_ADDRESS, HOST, OTHER_ADDRESS, STATE, Scene

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]

OTHER_D = "etc/containerd/other.d"


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.converge()
    return made


def move_roots(scene: Scene) -> None:
    """Edit config_path; containerd goes on with what it has read."""
    config = scene.node.root / "etc/containerd/config.toml"
    config.write_text(config.read_text().replace(f"/{CERTS_D}", f"/{OTHER_D}"))


def age(scene: Scene) -> None:
    """Let the configuration be of yesterday, for the next start to be clearly after it."""
    yesterday = time.time() - 86_400
    for path in ("etc/containerd/config.toml", "etc/containerd"):
        os.utime(scene.node.root / path, (yesterday, yesterday))


def test_until_the_restart_both_directories_are_kept_right_and_that_is_said(scene: Scene):
    scene.serve("second", address=OTHER_ADDRESS)
    move_roots(scene)
    scene.manifests.service(cluster_ips=[OTHER_ADDRESS])

    done = scene.agent.sync()
    scene.registry.close_front("main")

    assert (done.status, "needs-restart" in done.err) == (1, True)
    assert scene.pull().ok
    scene.node.restart_containerd()
    assert scene.pull().ok


def test_after_the_restart_what_nobody_reads_is_gone(scene: Scene):
    move_roots(scene)
    scene.agent.sync()
    age(scene)
    scene.node.restart_containerd()

    done = scene.agent.sync()

    assert done.status == 0, done.err
    assert not scene.host_file("hosts.toml").exists()
    assert (scene.node.root / OTHER_D / HOST / "hosts.toml").exists()
    assert scene.pull().ok


def test_without_its_state_remove_clears_the_directory_that_is_read_no_more(scene: Scene):
    shutil.rmtree(scene.node.root / STATE)
    move_roots(scene)
    scene.node.restart_containerd()

    done = scene.agent.remove()

    assert done.status == 0, done.err
    assert len(done.out.splitlines()) == 4
    assert not list((scene.node.root / CERTS_D).glob("*/*"))


def test_a_directory_deleted_during_a_hold_comes_back_as_it_was(scene: Scene):
    scene.manifests.service(cluster_ips=[DEAD_ADDRESS])
    scene.agent.sync()
    for name in ("hosts.toml", "ca.crt"):
        scene.host_file(name).unlink()
    scene.host_file("ca.crt").parent.rmdir()

    scene.agent.sync()

    assert scene.pull().ok


def test_a_ca_is_not_exchanged_while_the_registry_behind_its_front_is_down(scene: Scene):
    wrong = type(scene.authority).create(name="another CA")
    scene.registry.stop_backend()
    scene.manifests.trust_bundle(wrong.pem)

    done = scene.agent.sync()
    scene.registry.start_backend()

    assert "held" in done.err
    assert scene.pull().ok


def test_what_default_serves_is_not_taken_over_while_containerd_is_down(scene: Scene):
    removed = scene.agent.remove()
    assert removed.status == 0, removed.err
    scene.node.write(
        f"{CERTS_D}/_default/hosts.toml",
        'server = "https://10.96.0.50"\nca = "ca.crt"\n[host]\n',
    )
    scene.node.write(f"{CERTS_D}/_default/ca.crt", scene.authority.pem)
    assert scene.pull().ok
    scene.manifests.trust_bundle(type(scene.authority).create(name="another CA").pem)
    scene.node.stop_containerd()

    done = scene.agent.sync()
    scene.node.restart_containerd()

    assert "held" in done.err
    assert scene.pull().ok
