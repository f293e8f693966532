"""On CRI-O too a pull that works before a change works during it and after it, however many come.

A thread forgets the image and pulls it again, over and over, while everything around it changes.
"""

from collections.abc import Iterator
from itertools import cycle, islice

import pytest

from tests.ground.certificates import Authority, bundle
from tests.ground.crio import CERTIFICATES
from tests.ground.namespaces import wait_until
from tests.realnode.agent_process import LiveAgent
from tests.realnode.crio_scene import WATCHING, CrioScene, crio_scene
from tests.realnode.pull_loop import pulling
from tests.realnode.scene import ADDRESS, HOST, OTHER_ADDRESS

pytestmark = pytest.mark.realnode

REWRITES = [("1.34", "", 20), ("1.36", "", 200), ("1.36", WATCHING, 20)]
CHANGES_TOGETHER = [("1.34", "", 5), ("1.36", "", 5)]
ROTATIONS = [("1.34", "", 5), ("1.36", "", 50)]
SECONDS = 60.0


@pytest.fixture
def scene(version: str, image: str) -> Iterator[CrioScene]:
    with crio_scene(version, image=image) as made:
        yield made


@pytest.fixture
def live(scene: CrioScene) -> Iterator[LiveAgent]:
    with scene.agent.run() as agent:
        agent.wait_until_in_sync()
        yield agent


@pytest.mark.parametrize(("version", "image", "count"), REWRITES)
def test_while_the_endpoint_is_rewritten(scene: CrioScene, live: LiveAgent, count: int):
    scene.serve("other", address=OTHER_ADDRESS)

    with pulling(scene) as pulls:
        for address in islice(cycle((OTHER_ADDRESS, ADDRESS)), count):
            scene.manifests.service(cluster_ips=[address])
            wait_for_endpoint(scene, address)
        live.wait_until_in_sync()
        wait_for_certificates(scene, ADDRESS)

    assert pulls.errors == []
    assert len(pulls.done) > count / 4
    assert {request.front for request in scene.registry.requests()} == {"main", "other"}


@pytest.mark.parametrize(("version", "image", "count"), CHANGES_TOGETHER)
def test_while_ca_and_endpoint_change_together(scene: CrioScene, live: LiveAgent, count: int):
    second = Authority.create(name="second CA")
    scene.serve("other", address=OTHER_ADDRESS, authority=second)
    places = ((OTHER_ADDRESS, second), (ADDRESS, scene.authority))

    with pulling(scene) as pulls:
        for address, authority in islice(cycle(places), count):
            scene.manifests.trust_bundle(authority.pem)
            scene.manifests.service(cluster_ips=[address])
            wait_for_endpoint(scene, address)
            wait_for_certificates(scene, address)
        live.wait_until_in_sync()

    assert pulls.errors == []
    assert len(pulls.done) > count


@pytest.mark.parametrize(("version", "image", "count"), ROTATIONS)
def test_while_the_ca_is_rotated_and_the_certificate_switched(
    scene: CrioScene, live: LiveAgent, count: int
):
    old = scene.authority
    with pulling(scene) as pulls:
        for number in range(count):
            new = Authority.create(name=f"CA number {number}")
            scene.manifests.trust_bundle(bundle(old, new))
            wait_for_anchors(scene, 2)
            scene.registry.switch_certificate("main", new.issue(dns=[HOST], ips=[ADDRESS]))
            pulls.wait_for_more()
            scene.manifests.trust_bundle(new.pem)
            wait_for_anchors(scene, 1)
            old = new
        live.wait_until_in_sync()
        pulls.wait_for_more()

    assert pulls.errors == []
    assert scene.bus.reloads == 1  # certificates need none


@pytest.mark.parametrize(("version", "image"), [("1.34", ""), ("1.36", "")])
def test_while_crio_cannot_be_reloaded_it_keeps_the_certificates_that_it_uses(
    scene: CrioScene, live: LiveAgent
):
    scene.serve("other", address=OTHER_ADDRESS)
    scene.bus.result = "failed"

    with pulling(scene) as pulls:
        scene.manifests.service(cluster_ips=[OTHER_ADDRESS])
        wait_for_endpoint(scene, OTHER_ADDRESS)
        live.wait_for_problem("needs-reload")
        pulls.wait_for_more()
        kept = scene.authorities()
        scene.bus.result = "done"
        live.wait_until_in_sync(seconds=SECONDS)
        wait_for_certificates(scene, OTHER_ADDRESS)
        pulls.wait_for_more()

    assert pulls.errors == []
    assert kept == {f"{ADDRESS}:443", f"{OTHER_ADDRESS}:443"}


def wait_for_anchors(scene: CrioScene, count: int) -> None:
    file = scene.node.root / CERTIFICATES / f"{ADDRESS}:443/ca.crt"
    wait_until(
        lambda: file.read_text().count("BEGIN CERTIFICATE") == count,
        what=f"{count} anchors are in the file",
        seconds=SECONDS,
    )


def wait_for_endpoint(scene: CrioScene, address: str) -> None:
    wait_until(
        lambda: f'"{address}:443"' in scene.drop_in(),
        what=f"{address} is in the drop-in",
        seconds=SECONDS,
    )


def wait_for_certificates(scene: CrioScene, address: str) -> None:
    wait_until(
        lambda: scene.authorities() == {f"{address}:443"},
        what=f"only {address} has certificates",
        seconds=SECONDS,
    )
