"""A node that refuses, or whose files are in the way: the reason, nothing changed, pulls go on."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ground.certificates import Authority, bundle
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.snapshot import Entry, take_snapshot
from tests.realnode.agent_process import LiveAgent
from tests.realnode.scene import (
    ADDRESS,
    CERTS_D,
    DEAD_ADDRESS,
    HOST,
    HOSTS,
    OTHER_ADDRESS,
    REPOSITORY,
    SHORT_HOST,
    STATE,
    Scene,
)

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    """A node on which two addresses serve; the agent has not been there."""
    made = Scene(node=node, registry=registry)
    made.start()
    made.serve("other", address=OTHER_ADDRESS)
    return made


@pytest.fixture
def live(scene: Scene) -> Iterator[LiveAgent]:
    with scene.agent.run() as agent:
        agent.wait_until_in_sync()
        yield agent


def test_a_read_only_file_system(scene: Scene, live: LiveAgent):
    before = seen_by_the_node(scene)
    mount(scene, "--bind", f"/{CERTS_D}", f"/{CERTS_D}")
    mount(scene, "-o", "remount,bind,ro", f"/{CERTS_D}")

    scene.manifests.service(cluster_ips=[OTHER_ADDRESS])

    assert_refused(scene, live, "read-only-file-system", before=before)
    mount(scene, "-o", "remount,bind,rw", f"/{CERTS_D}")
    assert_repaired(scene)


def test_one_read_only_directory_keeps_no_other_registry_from_its_new_ca(
    scene: Scene, live: LiveAgent
):
    other, second = HOST.replace("knative", "zeta"), Authority.create(name="second CA")
    scene.manifests.service(name="zeta", cluster_ips=[OTHER_ADDRESS])
    wait_until(lambda: scene.resolves(other), what="the other registry is pulled from")
    mount(scene, "--bind", f"/{CERTS_D}/{HOST}", f"/{CERTS_D}/{HOST}")
    mount(scene, "-o", "remount,bind,ro", f"/{CERTS_D}/{HOST}")

    scene.manifests.trust_bundle(bundle(scene.authority, second))
    live.wait_for_problem("read-only-file-system")
    certificate = second.issue(dns=[other], ips=[OTHER_ADDRESS])
    scene.registry.switch_certificate("other", certificate)
    synced = scene.agent.sync()

    assert (synced.status, synced.reasons) == (1, ("read-only-file-system",))
    problem = {"registry": "registry/knative", "reason": "read-only-file-system"}
    assert live.metric("problem", **problem) == 1
    assert scene.pull(f"{other}/{REPOSITORY}").error == ""
    assert scene.pull().error == ""
    mount(scene, "-o", "remount,bind,rw", f"/{CERTS_D}/{HOST}")
    assert scene.agent.sync().status == 0


def test_a_read_only_state_directory(scene: Scene, live: LiveAgent):
    before = seen_by_the_node(scene)
    mount(scene, "--bind", f"/{STATE}", f"/{STATE}")
    mount(scene, "-o", "remount,bind,ro", f"/{STATE}")

    scene.manifests.service(cluster_ips=[OTHER_ADDRESS])

    assert_refused(scene, live, "read-only-file-system", before=before)
    assert live.metric("probe_success", registry="registry/knative", step="effective") == 1
    assert live.metric("trust_expiry_timestamp_seconds", registry="registry/knative")
    mount(scene, "-o", "remount,bind,rw", f"/{STATE}")
    assert_repaired(scene)


def test_a_full_disk(scene: Scene):
    mount(scene, "-t", "tmpfs", "-o", "size=128k", "small", f"/{CERTS_D}")
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        before = seen_by_the_node(scene)
        filler = inside(scene) / CERTS_D / "filler"
        fill(filler)

        scene.manifests.service(cluster_ips=[OTHER_ADDRESS])

        assert_refused(scene, live, "disk-full", before=before, ignoring="filler")
        filler.unlink()
        assert_repaired(scene)


def test_a_directory_that_somebody_else_made_for_the_same_host(scene: Scene):
    theirs = {
        f"{CERTS_D}/{HOST}/hosts.toml": f'server = "https://{DEAD_ADDRESS}"\n\n[host]\n',
        f"{CERTS_D}/{HOST}/README": "keep out\n",
    }
    write_all(scene, theirs)

    synced = scene.agent.sync()

    assert (synced.status, synced.reasons) == (1, ("host-taken",))
    assert read_all(scene, theirs) == theirs
    assert DEAD_ADDRESS in scene.pull().error
    for host in HOSTS[1:]:
        assert scene.pull(f"{host}/{REPOSITORY}").error == ""
    with scene.agent.run() as live:
        live.wait_for_problem("host-taken")
    scene.agent.remove()
    assert read_all(scene, theirs) == theirs


def test_a_foreign_directory_that_shadows_ours(scene: Scene):
    theirs = {f"{CERTS_D}/{HOST}_443_/hosts.toml": f'server = "https://{DEAD_ADDRESS}"\n[host]\n'}
    write_all(scene, theirs)

    synced = scene.agent.sync()

    assert synced.status == 1
    assert "shadowed" in synced.reasons
    assert f"{HOST}_443_" in synced.err
    assert read_all(scene, theirs) == theirs
    assert DEAD_ADDRESS in scene.pull(f"{HOST}:443/{REPOSITORY}").error
    assert scene.pull().error == ""
    with scene.agent.run() as live:
        live.wait_for_problem("shadowed")


def test_a_broken_config_toml(scene: Scene, live: LiveAgent):
    before = seen_by_the_node(scene)
    config = scene.node.root / "etc/containerd/config.toml"
    good = config.read_bytes()
    config.write_bytes(good + b"\n[plugins\n")

    live.wait_for_problem("runtime-config-broken")
    synced = scene.agent.sync()

    assert (synced.status, synced.reasons[0]) == (1, "runtime-config-broken")
    assert scene.pull().error == ""
    assert config.read_bytes() == good + b"\n[plugins\n"
    config.write_bytes(good)
    live.wait_until_in_sync()
    assert seen_by_the_node(scene) == before


def test_a_link_planted_in_the_place_of_a_directory_is_not_followed(scene: Scene):
    elsewhere = scene.node.root / "etc/elsewhere"
    elsewhere.mkdir()
    (scene.node.root / CERTS_D / HOST).symlink_to("/etc/elsewhere")

    synced = scene.agent.sync()

    assert (synced.status, synced.reasons[0]) == (1, "symlink-refused")
    assert list(elsewhere.iterdir()) == []
    assert scene.pull(f"{SHORT_HOST}/{REPOSITORY}").error == ""


def test_a_runtime_that_does_not_run(scene: Scene, live: LiveAgent):
    before = seen_by_the_node(scene)
    scene.node.stop_containerd()

    live.wait_for_problem("runtime-unreachable")
    synced = scene.agent.sync()

    assert synced.status == 1
    assert "runtime-unreachable" in synced.reasons
    assert seen_by_the_node(scene) == before
    scene.node.restart_containerd()
    live.wait_until_in_sync()


def fill(filler: Path) -> None:
    """Take all space that is left."""
    with filler.open("wb", 0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def assert_refused(
    scene: Scene,
    live: LiveAgent,
    reason: str,
    *,
    before: Mapping[str, Entry],
    ignoring: str = "",
) -> None:
    """The live agent and `sync` name the reason; files and pulls are as they were."""
    live.wait_for_problem(reason)
    synced = scene.agent.sync()
    after = {
        path: entry
        for path, entry in seen_by_the_node(scene).items()
        if not ignoring or not path.endswith(ignoring)
    }

    assert (synced.status, synced.reasons[0]) == (1, reason)
    assert after == before
    assert scene.pull().error == ""


def assert_repaired(scene: Scene) -> None:
    """When the node no longer refuses, the change is made."""
    assert scene.agent.sync().status == 0
    hosts = inside(scene) / CERTS_D / HOST / "hosts.toml"
    assert OTHER_ADDRESS in hosts.read_text()
    assert ADDRESS not in hosts.read_text()
    assert scene.pull().error == ""


def inside(scene: Scene) -> Path:
    """The node's root with the mounts that the node itself sees."""
    return Path(f"/proc/{scene.node.namespaces.first_pid}/root{scene.node.root}")


def seen_by_the_node(scene: Scene) -> Mapping[str, Entry]:
    return take_snapshot(inside(scene) / "etc/containerd")


def mount(scene: Scene, *arguments: str) -> None:
    """`mount` inside the node; paths that begin with a slash are the node's."""
    root = str(scene.node.root)
    whole = [root + word if word.startswith("/") else word for word in arguments]
    done = scene.node.run(["mount", *whole])
    assert done.returncode == 0, done.stderr


def write_all(scene: Scene, files: Mapping[str, str]) -> None:
    for path, content in files.items():
        scene.node.write(path, content)


def read_all(scene: Scene, files: Mapping[str, str]) -> dict[str, str]:
    return {path: (scene.node.root / path).read_text() for path in files}
