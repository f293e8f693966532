"""config_path turned on under a real systemd: on more containerds, by root without capabilities.

What goes wrong there, and how it is undone, is in test_systemd.py.
"""

import os
from collections.abc import Iterator
from functools import partial

import pytest

from tests.ground import runtime_units
from tests.realnode.agent_process import Agent
from tests.realnode.like_a_pod import PodLikeAgent
from tests.realnode.scene import STATE, Scene
from tests.realnode.systemd_scene import systemd_scene

pytestmark = pytest.mark.realnode

ALLOWED = ("--disrupt", "restart-in-turn")
CONFIG = "etc/containerd/config.toml"
VERSION_2 = """\
version = 2 # ours since 2022

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "localhost/pause:1"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      # asked for by the kubelet
      options = { SystemdCgroup = true }
"""
VERSION_3 = """\
version = 3

# No swap on these nodes.
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.images']
  pinned_images = { sandbox = 'localhost/pause:1' }
"""


RUNTIMES = {
    "1.6": runtime_units.debians_containerd,
    "1.7": partial(runtime_units.containerd_unit, "1.7", config=VERSION_2),
    "2.1": partial(runtime_units.containerd_unit, "2.1", config=VERSION_3),
}


@pytest.fixture(params=["1.6"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """That containerd has started, and reads no host directories."""
    with systemd_scene(f"containerd {request.param}", RUNTIMES[request.param]) as made:
        yield made


@pytest.mark.parametrize("scene", RUNTIMES, indirect=True)
def test_config_path_is_turned_on_with_one_restart_and_undone_to_the_byte(scene: Scene):
    turned_on_and_undone(scene, scene.agent)


def test_root_without_a_single_capability_is_enough(scene: Scene):
    turned_on_and_undone(scene, PodLikeAgent(node=scene.node))


def test_it_is_not_where_only_somebody_else_may_read_the_configuration(scene: Scene):
    config = scene.node.root / CONFIG
    config.chmod(0o400)
    os.chown(config, 1000, 1000)
    before, pid = scene.node.etc(), scene.node.runtime_pid()

    refused = PodLikeAgent(node=scene.node).sync(*ALLOWED)

    assert refused.status == 1
    assert set(refused.reasons) == {"permission-denied"}
    assert f"/{CONFIG}: Permission denied" in refused.err
    assert (scene.node.etc(), scene.node.runtime_pid()) == (before, pid)


def turned_on_and_undone(scene: Scene, agent: Agent) -> None:
    """Assert that all of it is well, from the first restart to the last byte."""
    before, pid = scene.node.etc(), scene.node.runtime_pid()

    reported = agent.sync()
    untouched = scene.node.etc()[CONFIG.removeprefix("etc/")], scene.node.runtime_pid()
    turned_on = agent.sync(*ALLOWED)
    restarted = scene.node.runtime_pid()
    pull = scene.pull()
    again = agent.sync(*ALLOWED)
    removed = agent.remove()

    assert reported.reasons == ("config-path-unset",)
    assert untouched == (before[CONFIG.removeprefix("etc/")], pid)
    assert (turned_on.status, turned_on.err) == (0, "")
    assert "restart containerd.service" in turned_on.out
    assert "effective" in turned_on.out
    assert restarted != pid
    assert pull.ok, pull.error
    assert (again.status, scene.node.runtime_pid()) == (0, restarted)
    assert (removed.status, removed.err) == (0, "")
    assert scene.node.etc() == before
    assert not (scene.node.root / STATE).exists()
