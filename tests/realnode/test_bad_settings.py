"""A bad setting on a node: named, with status 2, and nothing is done."""

import pytest

from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import Scene

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]

BAD_SETTINGS = {
    "--probe-interval": "soon",
    "--namespace": "No_Namespace",
    "--trust-bundle": "secret:a/b",
    "--host-root": "/nowhere",
    "--listen": "9808:127.0.0.1",
    "--such": "flag",
}


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    return Scene(node=node, registry=registry)


def test_bad_settings_are_named_with_status_2(scene: Scene):
    for flag, value in BAD_SETTINGS.items():
        done = scene.agent.sync(flag, value)

        assert done.status == 2, flag
        assert flag in done.err


def test_a_bad_setting_from_the_environment_is_named_by_its_variable(scene: Scene):
    variable = "REGISTRY_NODE_AGENT_PROBE_INTERVAL"

    done = scene.node.run(scene.agent.command("sync"), env={variable: "soon"})

    assert done.returncode == 2
    assert variable in done.stderr
    assert "Traceback" not in done.stderr
