"""A real program that deletes our directory again and again: a few repairs, then a word, and peace.

The same that repairs within about a second what was deleted once must not fight for ever.
"""

import pytest

from tests.ground.fighter import fighter
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import CERTS_D, HOST, Scene

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.converge()
    return made


def test_a_directory_is_not_fought_for_without_end(scene: Scene):
    with scene.agent.run() as live:
        with fighter(scene.node, scene.node.root / CERTS_D / HOST):
            live.wait_for_problem("fought-over")
            writes = live.metric("files_written_total")
            for _ in range(3):
                live.wait_for_problem("fought-over")
        assert live.metric("files_written_total") == writes
        assert not scene.host_file("hosts.toml").exists()
        assert scene.resolves(f"{HOST}:443")

        assert scene.agent.sync().status == 0
        live.wait_until_in_sync()
        assert scene.pull().ok
