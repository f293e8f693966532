"""A containerd that is upgraded, or goes back a version, under a live agent: pulls go on.

Its configuration may stay, change or be gone; a version 2.2 without one reads other directories.
"""

from collections.abc import Iterator, Mapping

import pytest

from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.runtime import default_config
from tests.ground.snapshot import Entry
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.scene import CERTS_D, HOST, HOSTS, STATE, Scene

pytestmark = pytest.mark.realnode

NOTHING_SET = ""
UNSPLIT = "etc/containerd/certs.d:/etc/docker/certs.d"
SECONDS = 60.0

# version and configuration before, and after; None: the file is left as it was
CHANGES = [
    ("1.6", CERTS_D, "1.7", None),
    ("1.7", CERTS_D, "2.2", None),
    ("1.7", CERTS_D, "2.2", NOTHING_SET),
    ("2.2", NOTHING_SET, "1.7", CERTS_D),
    ("2.1", CERTS_D, "2.3", CERTS_D),
]


class Upgrade(Scene):
    """A node on which two versions are installed; the first one runs."""

    def configure(self, version: str, config_path: str) -> None:
        text = default_config(version, config_path=f"/{config_path}") if config_path else ""
        if text:
            self.node.write("etc/containerd/config.toml", text)
        else:
            (self.node.root / "etc/containerd/config.toml").unlink(missing_ok=True)

    def ours(self) -> set[str]:
        """The files of ours that are on the node."""
        places = (self.node.root / "etc").glob("**/knative*/*")
        return {str(path.relative_to(self.node.root)) for path in places}

    def foreign(self) -> Mapping[str, Entry]:
        """All the rest, except what an upgrade replaces."""
        ignoring = frozenset({"etc/containerd/config.toml", STATE})
        return self.node.snapshot(ignoring=ignoring)


@pytest.fixture
def scene(old: str, before: str, new: str) -> Iterator[Upgrade]:
    programs = (containerd_or_skip(old), containerd_or_skip(new))
    with Node(containerd=programs[0], tools=programs[1:]) as node, Registry(node=node) as registry:
        made = Upgrade(node=node, registry=registry)
        made.serve()
        made.ask_for()
        made.configure(old, before)
        node.start_containerd(config=None)
        yield made


@pytest.mark.parametrize(("old", "before", "new", "after"), CHANGES)
def test_another_version_is_followed_by_a_live_agent(scene: Upgrade, new: str, after: str | None):
    start = scene.foreign()
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        assert scene.pull().error == ""

        if after is not None:
            scene.configure(new, after)
        scene.node.stop_containerd()
        live.wait_for_problem("runtime-unreachable")
        scene.node.replace_containerd(containerd_or_skip(new), config=None)
        live.wait_until_in_sync(seconds=SECONDS)

        assert {host: scene.resolves(host) for host in HOSTS} == dict.fromkeys(HOSTS, True)
        assert scene.pull().error == ""
    assert scene.recorded() == scene.ours()
    assert any(path.startswith(f"{UNSPLIT}/") for path in scene.ours()) == (after == NOTHING_SET)

    assert scene.agent.remove().status == 0
    assert scene.ours() == set()
    assert scene.foreign() == start


@pytest.mark.parametrize(("old", "before", "new"), [("2.2", NOTHING_SET, "1.7")])
def test_a_version_that_needs_what_the_newer_one_did_without_is_told(scene: Upgrade, new: str):
    start = scene.foreign()
    assert scene.agent.sync().status == 0
    scene.node.replace_containerd(containerd_or_skip(new), config=None)

    done = scene.agent.sync()

    assert (done.status, "config-path-unset" in done.reasons) == (1, True)
    assert f"lookup {HOST}" in scene.pull().error
    assert scene.agent.remove().status == 0
    assert (scene.ours(), scene.foreign()) == (set(), start)
