"""Layouts outside of what the base mounts: refused by name, and served with their component."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ground import programs, runtime
from tests.ground.image_builder import BuiltImage
from tests.ground.node import Node
from tests.ground.pods import Pods
from tests.ground.registry import Registry
from tests.missing_programs import found_or_skipped
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.image_archive import ImageArchive
from tests.realnode.layout_nodes import write_config
from tests.realnode.pod_agent import PodAgent
from tests.realnode.scene import Scene

pytestmark = pytest.mark.realnode

VERSION = "2.1"
LOGS = frozenset({"var/log"})  # the pods' own
FLATCAR = "/usr/share/containerd/config.toml"


@contextmanager
def scene_of(config: str, text: str) -> Iterator[tuple[Scene, Pods]]:
    """A node whose containerd can run containers and has its configuration there."""
    containerd = containerd_or_skip(VERSION)
    tools = [found_or_skipped("runc", programs.runc)]
    with Node(containerd=containerd, tools=tools) as node, Registry(node=node) as registry:
        made = Scene(node=node, registry=registry)
        made.serve()
        made.ask_for()
        write_config(node, config, text)
        node.start_containerd("--config", config, config=None)
        with Pods(node) as pods:
            yield made, pods


@pytest.mark.parametrize(
    ("component", "folder", "certs_d"),
    [
        ("layout-microk8s", "/var/snap/microk8s/current/args", "certs.d"),
        ("layout-canonical-k8s", "/var/snap/k8s/common/etc/containerd", "hosts.d"),
    ],
)
def test_a_snap_is_served_once_its_directory_is_mounted(
    component: str, folder: str, certs_d: str, built_image: BuiltImage
):
    config = f"{folder.replace('/current/', '/7229/')}/config.toml"
    text = runtime.pod_config(VERSION).replace(runtime.CERTS_D, f"{folder}/{certs_d}")
    with scene_of(config, text) as (scene, pods):
        if config != f"{folder}/config.toml":
            (scene.node.root / "var/snap/microk8s/current").symlink_to("7229")
            scene.node.restart_containerd("--config", f"{folder}/config.toml")
        pods.load(built_image.archive)
        (image,) = ImageArchive.read(built_image.archive).names
        start = scene.node.snapshot(ignoring=LOGS)
        unmounted = PodAgent(pods=pods, image=image).call("sync")
        agent = PodAgent(pods=pods, image=image, component=component)
        synced, pulled = agent.call("sync"), scene.pull()
        doctor = agent.call("doctor")
        removed = agent.call("remove")

        assert (unmounted.status, unmounted.reasons[0]) == (1, "layout-not-mounted")
        assert folder in unmounted.err
        assert (synced.status, synced.err) == (0, "")
        assert pulled.ok, pulled.error
        assert doctor.status == 0, doctor.out
        assert (removed.status, removed.err) == (0, "")
        assert scene.node.snapshot(ignoring=LOGS) == start


def test_flatcar_s_own_file_is_read_once_it_is_mounted_and_what_to_do_is_said(
    built_image: BuiltImage,
):
    text = runtime.pod_config(VERSION).replace(runtime.CERTS_D, "")
    with scene_of(FLATCAR, text) as (scene, pods):
        (scene.node.root / "etc/os-release").unlink()
        (scene.node.root / "etc/os-release").symlink_to("../usr/lib/os-release")  # not mounted
        pods.load(built_image.archive)
        (image,) = ImageArchive.read(built_image.archive).names
        unmounted = PodAgent(pods=pods, image=image).call("sync")
        told = PodAgent(pods=pods, image=image, component="layout-flatcar").call("sync")

        assert (unmounted.status, unmounted.reasons[0]) == (1, "layout-not-mounted")
        assert "/usr/share/containerd" in unmounted.err
        assert "Flatcar" in unmounted.err
        assert told.status == 1
        assert "config-generated" in told.reasons
        assert "copy it to /etc/containerd/config.toml" in told.err
