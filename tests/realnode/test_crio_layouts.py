"""OpenShift and MicroShift as shipped, on the real CRI-O: served beside their own files."""

from collections.abc import Iterator

import pytest

from tests.realnode.crio_scene import CrioScene, crio_scene
from tests.realnode.layout_nodes import FILES
from tests.realnode.scene import ADDRESS, HOST, HOSTS, REPOSITORY

pytestmark = pytest.mark.realnode

IMAGES = frozenset({"var/lib/containers", "var/lib/crio", "var/tmp"})  # CRI-O's own
SERVICE_CA = "etc/docker/certs.d/image-registry.openshift-image-registry.svc:5000/ca.crt"


@pytest.fixture(params=["OpenShift", "MicroShift"])
def title(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def scene(title: str) -> Iterator[CrioScene]:
    """A node with that distribution's files, which its CRI-O has read at its start."""
    with crio_scene("1.36") as made:
        place = FILES / title.lower()
        for path in place.rglob("*"):
            if path.is_file():
                made.node.write(str(path.relative_to(place)), path.read_bytes())
        made.node.write(SERVICE_CA, made.authority.pem)
        made.runtime.start()
        yield made


def test_it_is_found_served_beside_its_own_files_and_put_back(scene: CrioScene, title: str):
    start = scene.node.snapshot(ignoring=IMAGES)
    theirs = {path: entry for path, entry in start.items() if path.startswith("etc/")}

    before = scene.pull()
    plan = scene.agent.call("plan")
    synced = scene.agent.sync()
    pulled = {host: scene.pull(f"{host}/{REPOSITORY}").error for host in HOSTS}
    doctor = scene.agent.call("doctor")
    beside = scene.node.snapshot()
    scene.runtime.start()
    after_a_start = scene.pull().error
    removed = scene.agent.remove()

    assert f"lookup {HOST}" in before.error
    assert "action: reload" in plan.out
    assert f'+location = "{ADDRESS}:443"' in plan.out
    assert (synced.status, synced.err) == (0, "")
    assert pulled == dict.fromkeys(HOSTS, "")
    assert after_a_start == ""
    assert any(title in line for line in doctor.out.splitlines() if "layout" in line)
    assert doctor.status == 0, doctor.out
    assert {path: beside[path] for path in theirs} == theirs
    assert (removed.status, removed.err) == (0, "")
    assert scene.node.snapshot(ignoring=IMAGES) == start
