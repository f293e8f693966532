"""A real program that deletes our directory again and again: a few repairs, then a word, and peace.

The same that repairs within about a second what was deleted once must not fight for ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import CERTS_D, HOST, Scene

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]

_LOOP = 'while sleep 0.1; do rm -rf "$0"; done'


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.converge()
    return made


@contextmanager
def fighter(scene: Scene) -> Iterator[None]:
    """A program that deletes one of our directories as soon as it is there."""
    place = str(scene.node.root / CERTS_D / HOST)
    with scene.node.popen(["bash", "-c", _LOOP, place]) as process:
        try:
            yield
        finally:
            process.end()


def test_a_directory_is_not_fought_for_without_end(scene: Scene):
    with scene.agent.run() as live:
        with fighter(scene):
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
