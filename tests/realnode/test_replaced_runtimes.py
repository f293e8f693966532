"""A node that gets another runtime under the agent's feet: pulls go on, nothing is left of before.

What was written for the old one goes once the new one is told, and no sooner.
"""

from collections.abc import Iterator

import pytest

from tests.ground.namespaces import wait_until
from tests.realnode.crio_scene import DROP_IN, CrioScene, crio_scene
from tests.realnode.scene import CERTS_D, IMAGE, OTHER_ADDRESS

pytestmark = pytest.mark.realnode


@pytest.fixture
def scene() -> Iterator[CrioScene]:
    """A node with containerd, on which a CRI-O is installed that does not run yet."""
    with crio_scene("1.36") as made:
        made.runtime.stop()
        made.node.start_containerd()
        yield made


def replace_by_crio(scene: CrioScene) -> None:
    scene.node.stop_containerd()
    scene.runtime.start()


def replace_by_containerd(scene: CrioScene) -> None:
    scene.runtime.stop()
    scene.node.start_containerd()


def containerd_files(scene: CrioScene) -> list[str]:
    return [path.name for path in (scene.node.root / CERTS_D).glob("knative*")]


def containerd_pulls(scene: CrioScene) -> bool:
    scene.node.remove_image(IMAGE)
    return scene.node.pull(IMAGE).ok


def converge(scene: CrioScene) -> None:
    """Two passes: the second takes away what the first had to leave standing."""
    scene.agent.sync()
    done = scene.agent.sync()
    assert (done.status, done.err) == (0, "")


def is_crio_forgotten(scene: CrioScene) -> bool:
    """After one more start: only then is it sure that containerd reads what is on disk."""
    scene.node.restart_containerd()
    scene.agent.sync()
    return not (scene.node.root / DROP_IN).exists() and not scene.authorities()


def test_containerd_replaced_by_crio_and_back(scene: CrioScene):
    start = {path for path in scene.node.snapshot() if path.startswith("etc/")}
    converge(scene)
    assert containerd_pulls(scene)

    replace_by_crio(scene)
    converge(scene)
    assert scene.pull().error == ""
    assert containerd_files(scene) == []

    replace_by_containerd(scene)
    converge(scene)
    assert containerd_pulls(scene)
    wait_until(lambda: is_crio_forgotten(scene), what="what CRI-O read is gone")
    assert containerd_pulls(scene)

    assert scene.agent.remove().status == 0
    assert {path for path in scene.node.snapshot() if path.startswith("etc/")} == start


def test_what_changed_together_with_the_runtime_is_followed(scene: CrioScene):
    converge(scene)
    scene.serve("other", address=OTHER_ADDRESS)
    scene.manifests.service(cluster_ips=[OTHER_ADDRESS])
    scene.registry.close_front("main")

    replace_by_crio(scene)
    converge(scene)

    assert scene.pull().error == ""
    assert f'location = "{OTHER_ADDRESS}' in scene.drop_in()


def test_on_crio_nothing_is_written_where_openshift_deletes_what_it_does_not_know(
    scene: CrioScene,
):
    """The node-ca DaemonSet owns /etc/docker/certs.d, and CRI-O reads it after ours."""
    theirs = scene.node.write("etc/docker/certs.d/image-registry.svc:5000/ca.crt", "theirs\n")
    replace_by_crio(scene)
    converge(scene)

    assert scene.pull().error == ""
    assert list((scene.node.root / "etc/docker/certs.d").iterdir()) == [theirs.parent]
    assert theirs.read_text() == "theirs\n"


def test_a_crio_that_only_restarts_beside_a_containerd_keeps_what_it_reads(scene: CrioScene):
    """As on a node with Docker's containerd: the kubelet says whose node it is."""
    socket = "unix:///var/run/crio/crio.sock"
    scene.node.write("var/lib/kubelet/config.yaml", f"containerRuntimeEndpoint: {socket}\n")
    scene.runtime.start()
    converge(scene)
    drop_in, authorities = scene.drop_in(), scene.authorities()
    assert drop_in

    scene.runtime.stop()
    meanwhile = scene.agent.sync()

    assert "runtime-unreachable" in meanwhile.reasons
    assert (scene.drop_in(), scene.authorities()) == (drop_in, authorities)
    assert containerd_files(scene) == []
    scene.runtime.start()
    assert scene.pull().error == ""
