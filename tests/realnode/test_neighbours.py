"""Other tools on the same files: k3s, Dragonfly, Gardener, NVIDIA, before and after the agent.

Neither loses anything: they find their files as they left them, and ours are back in a moment.
"""

import pytest

from tests.ground import neighbours
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import HOST, Scene
from tests.realnode.shared_directory import certs_d, shared_scene, theirs, wait_until_repaired

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    return shared_scene(node, registry)


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


def test_gardener_writes_and_deletes_what_is_its_own(scene: Scene):
    neighbours.gardener_reconciles(certs_d(scene), upstreams=["docker.io", "quay.io"])
    assert scene.agent.sync().status == 0
    ours = {path.name: path.read_bytes() for path in (certs_d(scene) / HOST).iterdir()}

    neighbours.gardener_reconciles(
        certs_d(scene), upstreams=["docker.io"], before=["docker.io", "quay.io"]
    )

    assert {path.name: path.read_bytes() for path in (certs_d(scene) / HOST).iterdir()} == ours
    before = theirs(scene)
    assert scene.agent.sync().status == 0
    assert scene.agent.remove().status == 0
    assert theirs(scene) == before
    assert (certs_d(scene) / "docker.io/hosts.toml").is_file()


def test_nvidias_toolkit_changes_the_configuration_and_restarts_containerd(scene: Scene):
    configuration = scene.node.root / "etc/containerd"
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        neighbours.nvidia_configures(configuration)
        files = [configuration / name for name in ("config.toml", "conf.d/99-nvidia.toml")]
        written = [path.read_bytes() for path in files]
        scene.node.restart_containerd()
        live.wait_until_in_sync()
    assert scene.pull().ok
    assert scene.agent.remove().status == 0
    assert [path.read_bytes() for path in files] == written
