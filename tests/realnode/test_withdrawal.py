"""When a registry goes: at once where it is said so, and never while it still serves."""

import pytest

from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import ADDRESS, CERTS_D, HOST, SHORT_HOST, Scene

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]

AT_ONCE = ("--withdraw-after", "1s")


SERVICE = "service-registry-knative.yaml"


def move_the_directory_away(scene: Scene) -> None:
    scene.manifests.directory.rename(scene.manifests.directory.with_name("elsewhere"))


def spoil_the_file(scene: Scene) -> None:
    scene.manifests.write(SERVICE, "kind: Service\nmetadata: {")


def give_it_twice(scene: Scene) -> None:
    text = (scene.manifests.directory / SERVICE).read_text()
    scene.manifests.write("again.yaml", text)


UNKNOWN = {
    "manifests-unreadable": move_the_directory_away,
    "bad-manifest": spoil_the_file,
    "duplicate-object": give_it_twice,
}


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.converge()
    return made


def ours(scene: Scene) -> list[str]:
    return sorted(path.name for path in (scene.node.root / CERTS_D).iterdir())


def test_the_label_false_withdraws_at_once(scene: Scene):
    scene.manifests.service(cluster_ips=[ADDRESS], label="false")

    synced = scene.agent.sync()

    assert (synced.status, synced.err) == (0, "")
    assert ours(scene) == []
    assert f"lookup {HOST}" in scene.pull().error


def test_a_lost_label_keeps_it_while_it_serves_and_then_until_the_wait_is_over(scene: Scene):
    before = scene.configuration()
    scene.manifests.service(cluster_ips=[ADDRESS], label=None)

    serving = scene.agent.sync("--withdraw-after", "0s")
    assert scene.pull().error == ""
    scene.registry.close_front("main")
    silent = scene.agent.sync()

    assert (serving.status, set(serving.reasons)) == (1, {"unlabelled-still-serving"})
    assert (silent.status, silent.reasons[0]) == (1, "withdrawal-pending")
    assert scene.configuration() == before

    wait_until(lambda: scene.agent.sync(*AT_ONCE).status == 0, what="the wait is over")
    assert ours(scene) == []


def test_a_service_that_is_gone_with_its_endpoint_is_withdrawn_after_the_wait(scene: Scene):
    scene.manifests.delete(SERVICE)
    scene.registry.close_front("main")

    wait_until(
        lambda: scene.agent.sync(*AT_ONCE).status == 0, what="it is withdrawn after the wait"
    )

    assert ours(scene) == []


def test_the_names_of_another_port_stay_while_they_serve_and_go_when_a_person_says_so(
    scene: Scene,
):
    scene.serve("other", port=5000)
    ports = [{"port": 443, "name": "web"}, {"port": 5000, "name": "https"}]
    scene.manifests.service(cluster_ips=[ADDRESS], ports=ports)

    kept = scene.agent.sync("--withdraw-after", "0s")
    assert (kept.status, kept.reasons) == (1, ("unlabelled-still-serving",))
    assert scene.pull().error == ""
    assert scene.resolves(f"{HOST}:5000")

    annotations = {"registry-node-agent.internal/apply-held": ADDRESS}
    scene.manifests.service(cluster_ips=[ADDRESS], ports=ports, annotations=annotations)
    assert scene.agent.sync().status == 0
    assert ours(scene) == sorted(f"{host}:5000" for host in (HOST, SHORT_HOST))


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_unknown_is_not_absent(scene: Scene, unknown: str):
    """Although its endpoint is dead, and nothing would be waited for if its Service were gone."""
    before = scene.configuration()
    UNKNOWN[unknown](scene)
    scene.registry.close_front("main")

    for _ in range(2):
        synced = scene.agent.sync("--withdraw-after", "0s")
        assert synced.status == 1
        assert unknown in synced.reasons

    assert scene.configuration() == before
    scene.serve()
    assert scene.pull().error == ""


def test_while_live_a_service_that_is_gone_is_withdrawn_by_itself(scene: Scene):
    with scene.agent.run(*AT_ONCE, "--probe-interval", "1s") as live:
        live.wait_until_in_sync()
        scene.manifests.delete(SERVICE)
        live.wait_for_problem("unlabelled-still-serving")
        assert scene.pull().error == ""

        scene.registry.close_front("main")
        wait_until(lambda: ours(scene) == [], what="it is withdrawn", seconds=30)

        scene.serve()
        scene.manifests.service(cluster_ips=[ADDRESS])
        wait_until(lambda: scene.pull().ok, what="it is back")
        live.wait_until_in_sync()
