"""Real pulls by the cluster hostname, for every version and configuration that we call supported.

Each passed test records what it ran; the README's table is made of that: `tests.supported`.
"""

import pytest

from tests.ground import programs, runtime
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import HOST, Scene
from tests.supported import Way, record

pytestmark = pytest.mark.realnode

VERSIONS = (*programs.CONTAINERD_VERSIONS, programs.NEWEST_1_7)
COLON_LIST = "/etc/containerd/certs.d:/etc/docker/certs.d"
CRI_1 = 'plugins."io.containerd.grpc.v1.cri".containerd'
IMAGES_2 = 'plugins."io.containerd.cri.v1.images"'
# Which versions know the way: local pulls can be asked for since 2.1, and since 2.2 "nothing set"
# means the colon list of both directories.
SINCE = {Way.LOCAL_PULL: "2.1", Way.UNSET: "2.2"}
CASES = [
    (version, way)
    for way in (
        *(Way.DIRECTORY, Way.COLON_LIST, Way.LOCAL_PULL),
        *(Way.DISCARDED_LAYERS, Way.UNSET),
    )
    for version in VERSIONS
    if version >= SINCE.get(way, "")
]


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.serve()
    made.ask_for()
    return made


@pytest.mark.parametrize(("containerd_version", "way"), CASES)
def test_a_pull_works_after_sync_and_the_node_is_as_before_after_remove(scene: Scene, way: Way):
    scene.node.start_containerd(config=configuration(scene.node.containerd_version, way))
    process = scene.node.containerd.process.program_pid
    start = scene.node.snapshot()
    before = scene.pull()

    synced = scene.agent.sync()
    after = scene.pull()
    removed = scene.agent.remove()

    assert f"lookup {HOST}" in before.error
    assert (synced.status, synced.err) == (0, "")
    assert "tcp tls api effective" in synced.out
    assert after.error == ""
    assert (removed.status, removed.err) == (0, "")
    assert scene.node.snapshot() == start
    assert scene.node.containerd.process.program_pid == process
    version = scene.node.containerd.cri.version(timeout=5)
    record(runtime="containerd", version=version, way=way)


def configuration(version: str, way: Way) -> str:
    """A config.toml that tells containerd of our directory in that way."""
    match way:
        case Way.DIRECTORY:
            return runtime.default_config(version)
        case Way.UNSET:
            return "version = 3\n"
        case Way.LOCAL_PULL:
            more = f"[{IMAGES_2}]\n  use_local_image_pull = true\n"
        case Way.DISCARDED_LAYERS:
            table = CRI_1 if version.startswith("1.") else IMAGES_2
            more = f"[{table}]\n  discard_unpacked_layers = true\n"
        case _:
            more = ""
    return runtime.default_config(version, config_path=COLON_LIST) + more
