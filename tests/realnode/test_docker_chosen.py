"""Whose runtime Docker is: the kubelet's, a person's beside it, or the one before or after."""

import pytest

from tests.ground import programs
from tests.ground.cri_dockerd import CriDockerd
from tests.ground.docker import CERTS_D as DOCKER_CERTS_D
from tests.ground.namespaces import wait_until
from tests.realnode.docker_scene import KUBELET_CONFIG, DockerScene, docker_scene
from tests.realnode.scene import CERTS_D, IMAGE

pytestmark = pytest.mark.realnode

VERSION = programs.DOCKER_VERSIONS[-1]
BY_CONTAINERD = "containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n"
BY_DOCKER = "containerRuntimeEndpoint: unix:///run/cri-dockerd.sock\n"


def test_a_docker_beside_the_kubelets_containerd_gets_nothing_until_cri_dockerd_serves_there():
    with docker_scene(VERSION, kubelet="") as scene, CriDockerd(scene.node) as cri_dockerd:
        synced = scene.agent.sync()
        assert (synced.status, synced.err) == (0, "")
        assert scene.docker_files() == set()
        assert scene.node.pull(IMAGE).error == ""

        cri_dockerd.start()
        synced = scene.agent.sync()
        assert (synced.status, synced.err) == (0, "")
        assert cri_dockerd.pull(IMAGE).error == ""


def test_containerd_replaced_by_docker_and_back():
    with docker_scene(VERSION, kubelet=BY_CONTAINERD) as scene:
        start = {path for path in scene.files() if path.startswith("etc/")}
        assert scene.agent.sync().status == 0
        assert containerd_pulls(scene)

        scene.node.write(KUBELET_CONFIG, BY_DOCKER)
        first = scene.agent.sync()
        assert (first.status, first.err) == (0, "")
        assert (scene.node.root / CERTS_D).exists()
        assert scene.agent.sync().status == 0
        assert scene.pull().error == ""
        assert hosts_in(scene, CERTS_D) == []

        scene.node.write(KUBELET_CONFIG, BY_CONTAINERD)
        scene.node.restart_containerd()
        wait_until(lambda: scene.agent.sync().status == 0, what="containerd is told")
        assert containerd_pulls(scene)
        assert hosts_in(scene, DOCKER_CERTS_D) == []

        assert scene.agent.remove().status == 0
        assert {path for path in scene.files() if path.startswith("etc/")} == start


def containerd_pulls(scene: DockerScene) -> bool:
    scene.node.remove_image(IMAGE)
    return scene.node.pull(IMAGE).ok


def hosts_in(scene: DockerScene, root: str) -> list[str]:
    return [path.name for path in (scene.node.root / root).glob("knative*")]
