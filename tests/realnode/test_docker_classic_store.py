"""Docker that reads CAs alone: it gets the CA, and the reason why that is not enough.

So it is with the classic image store, and before 28 with containerd's too.
"""

from collections.abc import Iterator, Mapping

import pytest

from tests.ground import programs
from tests.ground.certificates import Authority
from tests.ground.docker import CERTS_D
from tests.realnode.docker_scene import (
    CLASSIC_STORE,
    CONTAINERD_STORE,
    DockerScene,
    docker_scene,
)
from tests.realnode.scene import ADDRESS, HOST, HOSTS, REPOSITORY, SHORT_HOST
from tests.supported import Way

pytestmark = pytest.mark.realnode

OURS = {f"{host}/ca.crt" for host in HOSTS}
KNOWN = f"{ADDRESS} {HOST} {SHORT_HOST}\n"
"""What a person, or the node's own DNS, may tell of the name."""


@pytest.fixture(params=programs.DOCKER_VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings() -> Mapping[str, object]:
    return CLASSIC_STORE


@pytest.fixture
def hosts() -> str:
    return ""


@pytest.fixture
def scene(version: str, settings: Mapping[str, object], hosts: str) -> Iterator[DockerScene]:
    with docker_scene(version, settings=settings, hosts=hosts) as made:
        yield made


newest_only = pytest.mark.parametrize("version", ["29"])
knowing = pytest.mark.parametrize("hosts", [pytest.param(KNOWN, id="known")])


def serve_by_name(scene: DockerScene, authority: Authority) -> None:
    """With a certificate for what the names are pulled by: themselves."""
    certificate = authority.issue(dns=[HOST, SHORT_HOST], ips=[ADDRESS])
    scene.registry.open_front("main", address=ADDRESS, port=443, certificate=certificate)


def test_it_is_refused_with_the_reason_and_has_the_ca_and_remove_leaves_no_trace(
    scene: DockerScene,
):
    start = scene.files()

    synced = scene.agent.sync()
    again = scene.agent.call("plan")
    files = scene.docker_files()
    doctor = scene.agent.call("doctor")
    removed = scene.agent.remove()

    assert synced.status == 1
    assert set(synced.reasons) == {"classic-image-store"}
    assert "containerd-snapshotter" in synced.err
    assert files == OURS
    assert "create" not in again.out
    assert doctor.status == 1
    assert f"reads the CAs alone in /{CERTS_D}" in doctor.out
    assert "classic-image-store" in doctor.out
    assert f"lookup {HOST}" in scene.pull().error
    assert (removed.status, removed.err) == (0, "")
    assert scene.files() == start


@knowing
def test_where_the_node_knows_the_name_the_ca_alone_makes_it_pull(scene: DockerScene):
    serve_by_name(scene, scene.authority)
    before = scene.pull().error
    synced = scene.agent.sync()
    after = scene.pull().error
    scene.agent.remove()

    assert "unknown authority" in before
    assert (synced.status, synced.err) == (0, "")
    assert "tcp tls api effective" in synced.out
    assert after == ""
    assert "unknown authority" in scene.pull().error
    scene.record(Way.CA_ALONE)


@newest_only
@pytest.mark.parametrize("hosts", [pytest.param(f"127.0.0.1 {HOST} {SHORT_HOST}\n", id="own")])
def test_where_the_name_leads_to_the_node_itself_nothing_is_verified_and_that_is_told(
    scene: DockerScene,
):
    stranger = Authority.create(name="stranger").issue(dns=[HOST, SHORT_HOST])
    scene.registry.open_front("stranger", address="127.0.0.1", port=443, certificate=stranger)

    synced = scene.agent.sync()

    assert scene.pull().error == ""
    assert synced.status == 1
    assert set(synced.reasons) == {"name-resolves-to-loopback"}


@knowing
@newest_only
def test_another_ca_is_followed_once_the_registry_has_it(scene: DockerScene):
    serve_by_name(scene, scene.authority)
    assert scene.agent.sync().status == 0
    second = Authority.create(name="second CA")
    scene.manifests.trust_bundle(second.pem)
    held = scene.agent.sync()
    assert "held" in held.reasons
    assert scene.pull().error == ""

    serve_by_name(scene, second)
    synced = scene.agent.sync()

    assert (synced.status, synced.err) == (0, "")
    assert scene.pull().error == ""
    assert scene.authority.pem not in scene.docker_file("ca.crt").read_text()


@pytest.mark.parametrize(("version", "settings"), [("26.1", CONTAINERD_STORE)])
def test_before_28_containerds_store_is_no_better(scene: DockerScene):
    assert set(scene.agent.sync().reasons) == {"classic-image-store"}
    assert scene.docker_files() == OURS


@newest_only
def test_with_containerds_store_at_its_next_start_the_same_node_is_in_sync(scene: DockerScene):
    assert set(scene.agent.sync().reasons) == {"classic-image-store"}
    scene.restart_with({})

    synced = scene.agent.sync()

    assert (synced.status, synced.err) == (0, "")
    assert scene.pull(f"{SHORT_HOST}/{REPOSITORY}").error == ""
    scene.restart_with(CLASSIC_STORE)
    assert set(scene.agent.sync().reasons) == {"classic-image-store"}
    assert scene.docker_files() == OURS
