"""A node whose /etc a new system image has replaced, or whose /var/lib is gone, or both.

The runtime starts anew then, and the node has another name for itself: what was written before
counts for nothing until the runtime has been seen to go by what is there now.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.ground.daemon import CriDaemon
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.snapshot import Entry
from tests.realnode.agent_process import LiveAgent
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.crio_scene import crio_scene
from tests.realnode.scene import STATE, Scene

pytestmark = pytest.mark.realnode

SECONDS = 60.0
PROOF = "/v2/registry-node-agent/absent/"
FOREIGN = ("containerd/certs.d/docker.io/hosts.toml", "containers/certs.d/quay.io/ca.crt")


class Wiped:
    """A scene on a node whose system image has files of others in its /etc too."""

    def __init__(self, scene: Scene, runtime: CriDaemon, *, image: Path) -> None:
        self.scene = scene
        self.runtime = runtime
        self._etc, self._image = scene.node.root / "etc", image
        for place in FOREIGN:
            scene.node.write(f"etc/{place}", "theirs\n")
        shutil.copytree(self._etc, image, symlinks=True)
        self._start = self.etc()

    def etc(self) -> Mapping[str, Entry]:
        """What is in /etc now, without the machine's name for itself."""
        found = self.scene.node.snapshot(ignoring=frozenset({"etc/machine-id", "var", "root"}))
        return {path: entry for path, entry in found.items() if path.startswith("etc/")}

    def added(self) -> set[str]:
        """The files in /etc that are not as in the image."""
        changed = self.etc().items() - self._start.items()
        return {path for path, entry in changed if entry.kind != "directory"}

    def is_as_in_the_image(self) -> bool:
        return self.etc() == self._start

    def wipe_etc(self) -> None:
        """All of it is as in the image, which is of no machine yet.

        The directory of CNI stays: a containerd that loses it serves CRI no more, for ever.
        """
        for path in [path for path in self._etc.iterdir() if path.name != "cni"]:
            if path.is_dir():
                self._wipe(path)
            else:
                path.unlink()
        shutil.copytree(self._image, self._etc, symlinks=True, dirs_exist_ok=True)
        (self._etc / "machine-id").write_text(f"{uuid.uuid4().hex}\n")

    def wipe_state(self) -> None:
        self._wipe(self.scene.node.root / STATE)

    def wipe_both(self) -> None:
        self.wipe_etc()
        self.wipe_state()

    def _wipe(self, folder: Path) -> None:
        """Gone by one rename, for a live agent may be about to write there; and then deleted."""
        gone = self.scene.node.root / "wiped"
        folder.rename(gone)

        def is_deleted() -> bool:
            shutil.rmtree(gone, ignore_errors=True)
            return not gone.exists()

        wait_until(is_deleted, what=f"{folder} is wiped")

    def proofs(self) -> int:
        """How often the runtime was made to show where it pulls from."""
        return sum(request.uri.startswith(PROOF) for request in self.scene.registry.requests())

    def check(self) -> None:
        """The main job is done, all of it is on record, and no more."""
        assert self.scene.pull().error == ""
        assert self.scene.recorded() == self.added() != set()


@pytest.fixture
def on_containerd(tmp_path: Path) -> Iterator[Wiped]:
    with Node(containerd=containerd_or_skip("2.1")) as node, Registry(node=node) as registry:
        scene = Scene(node=node, registry=registry)
        scene.start()
        yield Wiped(scene, node.containerd, image=tmp_path / "etc")


@pytest.fixture
def on_crio(tmp_path: Path) -> Iterator[Wiped]:
    with crio_scene("1.36") as scene:
        scene.node.write("var/lib/kubelet/config.yaml", "containerRuntimeEndpoint: crio.sock\n")
        yield Wiped(scene, scene.runtime, image=tmp_path / "etc")


@pytest.fixture(params=["on_containerd", "on_crio"])
def wiped(request: pytest.FixtureRequest) -> Wiped:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Wiped)
    return found


@pytest.fixture
def live(wiped: Wiped) -> Iterator[LiveAgent]:
    with wiped.scene.agent.run() as agent:
        agent.wait_until_in_sync()
        yield agent


wipes = pytest.mark.parametrize("wipe", [Wiped.wipe_etc, Wiped.wipe_state, Wiped.wipe_both])


@wipes
def test_after_a_start_with_another_image(wiped: Wiped, wipe: Callable[[Wiped], None]):
    assert wiped.scene.agent.sync().status == 0
    wiped.runtime.stop()
    wipe(wiped)
    wiped.runtime.start()
    before = wiped.proofs()

    done = wiped.scene.agent.sync()

    assert (done.status, done.err) == (0, "")
    assert wiped.proofs() > before
    wiped.check()
    assert wiped.scene.agent.remove().status == 0
    assert wiped.is_as_in_the_image()


@wipes
def test_under_a_live_agent(wiped: Wiped, live: LiveAgent, wipe: Callable[[Wiped], None]):
    wiped.runtime.stop()
    live.wait_for_problem("runtime-unreachable")
    before = wiped.proofs()
    wipe(wiped)
    wiped.runtime.start()

    live.wait_until_in_sync(seconds=SECONDS)

    assert wiped.proofs() > before
    wiped.check()
    live.process.end()
    assert wiped.scene.agent.remove().status == 0
    assert wiped.is_as_in_the_image()


@wipes
def test_under_a_live_agent_and_a_runtime_that_goes_on(
    wiped: Wiped, live: LiveAgent, wipe: Callable[[Wiped], None]
):
    wipe(wiped)

    wait_until(lambda: is_on_record(wiped), what="all is there again, and on record")

    live.wait_until_in_sync(seconds=SECONDS)
    wiped.check()
    live.process.end()
    assert wiped.scene.agent.remove().status == 0
    assert wiped.is_as_in_the_image()


def is_on_record(wiped: Wiped) -> bool:
    """Whether all that we wrote stands, and the ledger that says so."""
    try:
        return wiped.scene.recorded() == wiped.added() != set()
    except FileNotFoundError:
        return False
