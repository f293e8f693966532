"""Which runtime is the kubelet's, by its own word, by what runs, and by what was left."""

from itertools import count
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Reason
from agent.node.crio_runtime import CrioRuntime
from agent.node.docker import DockerClient
from agent.node.docker_runtime import DockerRuntime
from agent.node.kubelet_runtime import kubelet_runtime
from agent.node.runtime_choice import RuntimeChoice
from agent.node.systemd import Systemd
from agent.planning.evidence import Proof
from agent.planning.model import HostPath
from tests.node.containerd_host import FakeCri, Host
from tests.node.dockerd_stub import Dockerd, serving

CRIO_SOCKET = HostPath("/run/crio/crio.sock")
CRI_DOCKERD = "unix:///run/cri-dockerd.sock"
CONTAINERD = "unix:///run/containerd/containerd.sock"
KUBELET_FILE = "/var/lib/kubelet/config.yaml"
HOST = "knative.registry.svc"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path, cri=FakeCri(answer=("cri-o", "1.36.3")))
    made.write("/etc/crio/crio.conf", f'[crio.api]\nlisten = "{CRIO_SOCKET}"\n')
    made.serve(CRIO_SOCKET)
    return made


def start_crio(host: Host) -> None:
    host.start(program="/usr/bin/crio", comm="crio")


def start_containerd(host: Host, *, config: str = "version = 2\n") -> None:
    host.write("/etc/containerd/config.toml", config)
    host.serve()
    host.start(pid=800)


def start_docker(host: Host) -> None:
    """As its packages do: beside a containerd whose CRI plugin is disabled."""
    host.start(pid=900, program="/usr/bin/dockerd", comm="dockerd")
    start_containerd(host, config='version = 2\ndisabled_plugins = ["cri"]\n')


def start_kubelet(host: Host, *arguments: str) -> None:
    host.start(*arguments, pid=950, program="/usr/bin/kubelet", comm="kubelet")


def choice_of(host: Host, *, setting: str = "auto") -> RuntimeChoice:
    """One that looks anew each time."""
    minutes = count(0, 100)
    return RuntimeChoice(
        host.root,
        setting=setting,
        containerd=host.runtime,
        crio=CrioRuntime(host.root, cri=host.cri, systemd=Systemd(host.root)),
        docker=DockerRuntime(host.root, client=DockerClient(host.root)),
        monotonic=lambda: next(minutes),
    )


def chosen(host: Host, *, setting: str = "auto") -> str:
    choice = choice_of(host, setting=setting)
    with serving(host.root, Dockerd()):
        return choice.observe().kind


def test_the_runtime_is_the_one_that_runs(host: Host) -> None:
    start_crio(host)
    choice = choice_of(host)
    assert choice.observe().kind == "crio"
    assert choice.prove(socket=CRIO_SOCKET, hosts=[HOST]) == {
        HOST: Proof(reason=None, detail=f"asked {CRIO_SOCKET}")
    }


def test_where_two_run_the_kubelets_file_tells(host: Host) -> None:
    start_crio(host)
    start_containerd(host)
    host.cri.answer = ("containerd", "2.1.9")
    assert chosen(host) == "containerd"
    host.write(
        KUBELET_FILE,
        "kind: KubeletConfiguration\ncontainerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n",
    )
    host.cri.answer = ("cri-o", "1.36.3")
    assert chosen(host) == "crio"


def test_its_flag_goes_before_its_file(host: Host) -> None:
    start_crio(host)
    start_containerd(host)
    host.write(KUBELET_FILE, "containerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n")
    start_kubelet(host, f"--container-runtime-endpoint={CONTAINERD}")
    host.cri.answer = ("containerd", "2.1.9")
    assert chosen(host) == "containerd"


@pytest.mark.parametrize("setting", ["crio", "containerd", "docker"])
def test_the_setting_goes_before_what_is_found(host: Host, setting: str) -> None:
    start_crio(host)
    host.write("/etc/containerd/config.toml", "version = 2\n")
    assert chosen(host, setting=setting) == setting


def test_where_nothing_runs_the_traces_tell(host: Host) -> None:
    assert chosen(host) == "crio"


def test_a_mere_docker_beside_the_kubelets_containerd_is_not_its_runtime(host: Host) -> None:
    start_docker(host)
    start_containerd(host)
    assert chosen(host) == "containerd"


def test_a_mere_docker_is_no_runtime_and_nor_is_its_containerd(host: Host) -> None:
    start_docker(host)
    with pytest.raises(NodeTrouble) as trouble:
        chosen(host)
    assert trouble.value.problem.reason is Reason.NO_RUNTIME_FOUND
    assert "CRI plugin disabled" in trouble.value.problem.detail


def test_docker_is_it_where_cri_dockerd_serves_the_kubelet(host: Host) -> None:
    start_docker(host)
    host.start(pid=960, program="/usr/bin/cri-dockerd", comm="cri-dockerd")
    assert chosen(host) == "docker"


def test_a_cri_dockerd_inside_a_container_is_not_this_nodes(host: Host) -> None:
    start_containerd(host)
    host.start(pid=960, program="/usr/bin/cri-dockerd", comm="cri-dockerd", ids="960\t7")
    assert chosen(host) == "containerd"


def test_docker_is_it_where_the_kubelet_names_cri_dockerd_even_while_that_is_away(
    host: Host,
) -> None:
    start_docker(host)
    start_kubelet(host, "--container-runtime-endpoint", CRI_DOCKERD)
    assert chosen(host) == "docker"


def test_a_cri_dockerd_that_the_kubelet_has_left_is_not_its_runtime(host: Host) -> None:
    start_docker(host)
    start_containerd(host)
    host.start(pid=960, program="/usr/bin/cri-dockerd", comm="cri-dockerd")
    start_kubelet(host, f"--container-runtime-endpoint={CONTAINERD}")
    assert chosen(host) == "containerd"


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        ("unix:///var/run/crio/crio.sock", "crio"),
        ("unix:///var/run/dockershim.sock", "docker"),
        ("'unix:///run/cri-dockerd.sock' # ours", "docker"),
        ("unix:///run/docker/containerd/containerd.sock", "containerd"),
        ('"/run/k3s/containerd/containerd.sock"', "containerd"),
        ("unix:///run/other.sock", ""),
        ('""', ""),
        ("\ncontainerd: x", ""),
    ],
)
def test_an_endpoint_is_known_by_its_socket(host: Host, endpoint: str, kind: str) -> None:
    host.write(KUBELET_FILE, f"kind: x\ncontainerRuntimeEndpoint: {endpoint}\nother: crio\n")
    assert kubelet_runtime(host.root) == kind


def test_the_kubelets_file_is_where_its_flag_says(host: Host) -> None:
    host.write("/etc/mine.yaml", f"containerRuntimeEndpoint: {CRI_DOCKERD}\n")
    host.write(KUBELET_FILE, f"containerRuntimeEndpoint: {CONTAINERD}\n")
    start_kubelet(host, "-config", "/etc/mine.yaml", "--v=2")
    assert kubelet_runtime(host.root) == "docker"


def test_a_kubelet_inside_a_container_is_not_this_nodes(host: Host) -> None:
    host.start(
        f"--container-runtime-endpoint={CRI_DOCKERD}",
        pid=950,
        program="/usr/bin/kubelet",
        comm="kubelet",
        ids="950\t12",
    )
    assert kubelet_runtime(host.root) == ""
