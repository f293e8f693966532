"""The main job on CRI-O: a cluster hostname is pulled after one `sync`: one drop-in, one reload."""

import shutil
from collections.abc import Iterator, Mapping

import pytest

from tests.ground import image_tools, programs
from tests.ground.certificates import Authority
from tests.ground.image_tools import ImageTools
from tests.ground.snapshot import Entry
from tests.missing_programs import found_or_skipped
from tests.realnode.crio_scene import DROP_IN, WATCHING, CrioScene, crio_scene
from tests.realnode.scene import (
    ADDRESS,
    DEAD_ADDRESS,
    HOST,
    HOSTS,
    IMAGE,
    OTHER_ADDRESS,
    REPOSITORY,
    STATE,
)
from tests.supported import Way, record

pytestmark = pytest.mark.realnode

newest_only = pytest.mark.parametrize("version", ["1.36"])


@pytest.fixture(params=programs.CRIO_VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def scene(version: str) -> Iterator[CrioScene]:
    with crio_scene(version) as made:
        yield made


def test_a_pull_fails_before_works_after_sync_at_once_and_remove_leaves_no_trace(scene: CrioScene):
    start = files(scene)
    process = scene.runtime.pid_on_node

    before = scene.pull()
    synced = scene.agent.sync()
    after = {host: scene.pull(f"{host}/{REPOSITORY}").error for host in HOSTS}
    again = scene.agent.sync()
    planned = scene.agent.call("plan", "--exit-code")
    doctor = scene.agent.call("doctor")
    removed = scene.agent.remove()

    assert f"lookup {HOST}" in before.error
    assert (synced.status, synced.err) == (0, "")
    assert "tcp tls api effective" in synced.out
    assert after == dict.fromkeys(HOSTS, "")
    assert (again.status, again.err) == (0, "")
    assert planned.status == 0, planned.out
    assert doctor.status == 0, doctor.out
    assert "FAIL" not in doctor.out
    assert (removed.status, removed.err) == (0, "")
    assert files(scene) == start
    assert f"lookup {HOST}" in scene.pull().error
    assert scene.runtime.pid_on_node == process
    version = scene.runtime.cri.version(timeout=5)
    record(runtime="CRI-O", version=version, way=Way.DROP_IN)


def test_where_crio_watches_its_drop_ins_no_reload_is_needed(version: str):
    with crio_scene(version, image=WATCHING) as scene:
        first = scene.agent.sync("--disrupt", "none")
        again = scene.agent.sync("--disrupt", "none")

        assert "needs-reload" not in first.reasons
        assert (again.status, again.err) == (0, "")
        assert scene.pull().error == ""
        assert scene.bus.reloads == 0
        version = scene.runtime.cri.version(timeout=5)
        record(runtime="CRI-O", version=version, way=Way.WATCHED)


@newest_only
def test_another_address_and_another_ca_are_followed(scene: CrioScene):
    assert scene.agent.sync().status == 0
    second = Authority.create(name="second CA")
    scene.serve("other", address=OTHER_ADDRESS, authority=second)
    scene.ask_for(address=OTHER_ADDRESS, pem=second.pem)
    scene.registry.close_front("main")

    synced = scene.agent.sync()

    assert (synced.status, synced.err) == (0, "")
    assert scene.pull().error == ""
    assert scene.agent.sync().status == 0
    assert scene.authorities() == {f"{OTHER_ADDRESS}:443"}


@newest_only
def test_a_change_to_what_does_not_answer_is_held(scene: CrioScene):
    assert scene.agent.sync().status == 0
    text = scene.drop_in()
    scene.manifests.service(cluster_ips=[DEAD_ADDRESS])

    synced = scene.agent.sync()

    assert synced.status == 1
    assert "held" in synced.reasons
    assert scene.drop_in() == text
    assert scene.authorities() == {f"{ADDRESS}:443"}
    assert scene.pull().error == ""


@newest_only
def test_a_lost_ledger_is_written_anew_and_remove_still_leaves_no_trace(scene: CrioScene):
    start = files(scene)
    assert scene.agent.sync().status == 0
    shutil.rmtree(scene.node.root / STATE)

    synced = scene.agent.sync()

    assert (synced.status, synced.err) == (0, "")
    assert scene.agent.remove().status == 0
    assert files(scene) == start


@newest_only
def test_a_drop_in_that_somebody_deleted_comes_back(scene: CrioScene):
    assert scene.agent.sync().status == 0
    text = scene.drop_in()
    (scene.node.root / DROP_IN).unlink()
    scene.runtime.reload()
    assert f"lookup {HOST}" in scene.pull().error

    synced = scene.agent.sync()

    assert (synced.status, synced.err) == (0, "")
    assert scene.drop_in() == text
    assert scene.pull().error == ""


@newest_only
def test_podman_skopeo_and_buildah_pull_by_the_same_files(version: str):
    tools = found_or_skipped("podman, skopeo and buildah", image_tools.tools)
    with crio_scene(version, tools=tools) as scene:
        assert scene.agent.sync().status == 0
        clients = ImageTools(scene.node)

        pulled = {name: clients.pull(name, IMAGE) for name in image_tools.NAMES}

        assert pulled == dict.fromkeys(image_tools.NAMES, "")
        for name in image_tools.NAMES:
            record(runtime=name, version=clients.version(name), way=Way.CRIO_FILES)


def files(scene: CrioScene) -> Mapping[str, Entry]:
    """The node as it stands, without the images that CRI-O keeps."""
    return scene.node.snapshot(ignoring=frozenset({"var/lib/containers", "var/tmp"}))
