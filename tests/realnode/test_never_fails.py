"""Pulls in a tight loop while everything they depend on changes: not one may fail."""

from collections.abc import Iterator
from itertools import cycle, islice

import pytest

from tests.ground.certificates import Authority, bundle
from tests.ground.hesitation import slow_to_open
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.agent_process import LiveAgent
from tests.realnode.pull_loop import pulling
from tests.realnode.scene import ADDRESS, CERTS_D, HOST, OTHER_ADDRESS, Scene

pytestmark = pytest.mark.realnode

REWRITES = {"1.6": 20, "1.7": 20, "2.1": 200}
CHANGES_TOGETHER = {"1.6": 5, "1.7": 5, "2.1": 50}
versions = pytest.mark.parametrize("containerd_version", list(REWRITES))
newest_only = pytest.mark.parametrize("containerd_version", ["2.1"])
SECONDS = 60.0
SLOW_SECONDS = 0.08


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.start()
    return made


@pytest.fixture
def live(scene: Scene) -> Iterator[LiveAgent]:
    with scene.agent.run() as agent:
        agent.wait_until_in_sync()
        yield agent


@versions
def test_while_the_endpoint_is_rewritten(scene: Scene, live: LiveAgent, containerd_version: str):
    scene.serve("other", address=OTHER_ADDRESS)
    count = REWRITES[containerd_version]

    with pulling(scene) as pulls:
        for address in islice(cycle((OTHER_ADDRESS, ADDRESS)), count):
            scene.manifests.service(cluster_ips=[address])
            wait_for_endpoint(scene, address)
        wait_until(
            lambda: live.metric("files_written_total") == 8 + 4 * count,
            what="each change was one write of each hosts file",
        )

    assert pulls.errors == []
    assert live.is_in_sync()
    assert len(pulls.done) > count / 4
    assert {request.front for request in scene.registry.requests()} == {"main", "other"}


@versions
def test_while_ca_and_endpoint_change_together(
    scene: Scene, live: LiveAgent, containerd_version: str
):
    second = Authority.create(name="second CA")
    scene.serve("other", address=OTHER_ADDRESS, authority=second)
    places = ((OTHER_ADDRESS, second), (ADDRESS, scene.authority))
    count = CHANGES_TOGETHER[containerd_version]

    with pulling(scene) as pulls:
        for address, authority in islice(cycle(places), count):
            scene.manifests.trust_bundle(authority.pem)
            scene.manifests.service(cluster_ips=[address])
            wait_for_endpoint(scene, address)
            wait_for_anchors(scene, 1)
        live.wait_until_in_sync()

    assert pulls.errors == []
    assert len(pulls.done) > count


@newest_only
def test_while_ca_and_endpoint_change_under_pulls_that_have_read_the_old_hosts_file(
    scene: Scene, live: LiveAgent
):
    second = Authority.create(name="second CA")
    scene.serve("other", address=OTHER_ADDRESS, authority=second)
    places = ((OTHER_ADDRESS, second), (ADDRESS, scene.authority))

    containerd = scene.node.containerd.process.program_pid
    ca_file = f"/{CERTS_D}/{HOST}/ca.crt"
    with (
        slow_to_open(containerd, seconds=SLOW_SECONDS, path=ca_file),
        pulling(scene) as pulls,
    ):
        for address, authority in islice(cycle(places), 10):
            scene.manifests.trust_bundle(authority.pem)
            scene.manifests.service(cluster_ips=[address])
            wait_for_endpoint(scene, address)
            wait_for_anchors(scene, 1)
            pulls.wait_for_more()
        live.wait_until_in_sync()

    assert pulls.errors == []
    assert max(pull.seconds for pull in pulls.done) > SLOW_SECONDS


@newest_only
def test_while_the_ca_is_rotated_and_the_certificate_switched(scene: Scene, live: LiveAgent):
    old = scene.authority
    with pulling(scene) as pulls:
        for number in range(5):
            new = Authority.create(name=f"CA number {number}")
            scene.manifests.trust_bundle(bundle(old, new))
            wait_for_anchors(scene, 2)
            pulls.wait_for_more()
            scene.registry.switch_certificate("main", new.issue(dns=[HOST], ips=[ADDRESS]))
            pulls.wait_for_more()
            scene.manifests.trust_bundle(new.pem)
            wait_for_anchors(scene, 1)
            old = new
        live.wait_until_in_sync()
        pulls.wait_for_more()

    assert pulls.errors == []
    assert old.pem in scene.host_file("ca.crt").read_text()


def wait_for_endpoint(scene: Scene, address: str) -> None:
    wait_until(
        lambda: scene.endpoint() == f"https://{address}",
        what=f"{address} is in the file",
        seconds=SECONDS,
    )


def wait_for_anchors(scene: Scene, count: int) -> None:
    file = scene.host_file("ca.crt")
    wait_until(
        lambda: file.read_text().count("BEGIN CERTIFICATE") == count,
        what=f"{count} anchors are in the file",
        seconds=SECONDS,
    )
