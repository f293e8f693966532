"""On a node's own files and processes: which layout it is, and what cannot be seen or served."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.crio_runtime import CrioRuntime
from agent.node.docker import DockerClient
from agent.node.docker_runtime import DockerRuntime
from agent.node.layout_runtime import LayoutRuntime
from agent.node.runtime_choice import RuntimeChoice
from agent.node.systemd import Systemd
from tests.node.containerd_host import CONFIG, FakeCri, Host, furnished_host

K3S = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml"
MICROK8S = "/var/snap/microk8s/current/args/containerd.toml"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return furnished_host(tmp_path)


def runtime_of(
    host: Host,
    *,
    setting: str = "auto",
    node_name: str = "node-a",
    monotonic: Callable[[], float] = time.monotonic,
) -> LayoutRuntime:
    crio = CrioRuntime(host.root, cri=FakeCri(), systemd=Systemd(host.root))
    docker = DockerRuntime(host.root, client=DockerClient(host.root))
    choice = RuntimeChoice(
        host.root, setting="auto", containerd=host.runtime, crio=crio, docker=docker
    )
    return LayoutRuntime(
        host.root, setting=setting, node_name=node_name, runtime=choice, monotonic=monotonic
    )


def refusal(runtime: LayoutRuntime) -> Problem:
    with pytest.raises(NodeTrouble) as trouble:
        runtime.observe()
    return trouble.value.problem


def test_the_package_of_a_plain_distribution_is_kubeadm_s(host: Host) -> None:
    host.start()
    assert runtime_of(host).observe().layout.startswith("kubeadm")


def test_k3s_is_known_by_its_command_line_and_its_template_is_named(host: Host) -> None:
    host.write(K3S, "version = 2\n")
    host.start("-c", K3S, "-a", "/run/containerd/containerd.sock")
    view = runtime_of(host).observe()
    assert view.layout.startswith(f"k3s, by the runtime's {K3S}")
    assert [problem.reason for problem in view.problems] == [Reason.CONFIG_GENERATED]
    assert "config-v3.toml.tmpl" in view.problems[0].detail
    assert view.change is None


def test_k3s_as_it_is_shipped_needs_nothing(host: Host) -> None:
    host.write(K3S, CONFIG)
    host.start("-c", K3S, "-a", "/run/containerd/containerd.sock")
    assert runtime_of(host).observe().problems == ()


def test_a_directory_that_is_not_mounted_is_named(host: Host) -> None:
    host.start("--config", MICROK8S, "--address", "/var/snap/microk8s/common/run/containerd.sock")
    problem = refusal(runtime_of(host))
    assert problem.reason is Reason.LAYOUT_NOT_MOUNTED
    assert problem.where == "/var/snap/microk8s/current/args"
    assert "MicroK8s" in problem.detail


def test_a_file_that_is_gone_from_a_mounted_directory_is_no_missing_mount(host: Host) -> None:
    host.write("/var/snap/microk8s/current/args/kubelet", "")
    host.start("--config", MICROK8S)
    [problem] = runtime_of(host).observe().problems
    assert problem.reason is Reason.RUNTIME_CONFIG_BROKEN


def test_the_layout_that_is_asked_for_must_be_there(host: Host) -> None:
    host.start()
    assert refusal(runtime_of(host, setting="rke2")).reason is Reason.LAYOUT_NOT_MOUNTED
    host.write("/var/lib/rancher/rke2/agent/etc/containerd/config.toml", CONFIG)
    assert runtime_of(host, setting="rke2").observe().layout.startswith("RKE2, by --layout rke2")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("talos", 'NAME="Talos"\nID=talos\nVERSION_ID=v1.9.0\n'),
        ("bottlerocket", 'ID="bottlerocket"\n'),
    ],
)
def test_an_os_that_cannot_be_served_is_known_by_os_release(
    host: Host, name: str, text: str
) -> None:
    host.write("/etc/os-release", text)
    problem = refusal(runtime_of(host))
    assert problem.reason is Reason.UNSUPPORTED_NODE
    assert name in problem.where.lower()


def test_an_os_release_that_leads_out_of_the_mounts_is_none(host: Host) -> None:
    host.start()
    (host.root / "etc/os-release").symlink_to("../usr/lib/os-release")
    assert runtime_of(host).observe().layout.startswith("kubeadm")


def test_talos_is_known_by_its_containerd_too(host: Host) -> None:
    host.start(
        "--address", "/run/containerd/containerd.sock", "--config", "/etc/cri/containerd.toml"
    )
    assert refusal(runtime_of(host)).reason is Reason.UNSUPPORTED_NODE


def test_autopilot_is_known_by_the_node_s_name(host: Host) -> None:
    host.start()
    problem = refusal(runtime_of(host, node_name="gk3-cluster-pool-1"))
    assert problem.reason is Reason.UNSUPPORTED_NODE


def test_a_root_that_would_be_made_in_the_agent_s_own_container_is_not_mounted(host: Host) -> None:
    host.write("/etc/containerd/config.toml", CONFIG.replace("/etc/containerd", "/opt"))
    host.start()
    problem = refusal(runtime_of(host))
    assert (problem.reason, problem.where) == (Reason.LAYOUT_NOT_MOUNTED, "/opt")


def test_nor_is_one_directly_below_the_root(host: Host) -> None:
    config = CONFIG.replace("/etc/containerd/certs.d", "/registries")
    host.write("/etc/containerd/config.toml", config)
    host.start()
    problem = refusal(runtime_of(host))
    assert (problem.reason, problem.where) == (Reason.LAYOUT_NOT_MOUNTED, "/registries")
    (host.root / "registries").mkdir()
    assert runtime_of(host).observe().problems == ()


def test_a_root_that_is_missing_in_a_mounted_directory_will_be_made(host: Host) -> None:
    host.write("/etc/containerd/config.toml", CONFIG.replace("/etc/containerd", "/etc/new"))
    host.start()
    view = runtime_of(host).observe()
    assert ([root.path for root in view.roots], view.problems) == (["/etc/new/certs.d"], ())


def test_traces_are_looked_for_again_when_the_runtime_is_another_and_once_a_minute(
    host: Host,
) -> None:
    now = 0.0
    host.start()
    runtime = runtime_of(host, monotonic=lambda: now)
    assert runtime.observe().layout.startswith("kubeadm")
    host.write("/etc/eks/release", "")
    now = 59.0
    assert runtime.observe().layout.startswith("kubeadm")
    now = 60.0
    assert runtime.observe().layout.startswith("EKS")
    (host.root / "etc/eks").rename(host.root / "etc/flatcar")
    assert runtime.observe().layout.startswith("EKS")
    host.start(pid=701, started=200, ids="701")
    host.end()
    assert runtime.observe().layout.startswith("Flatcar")
    host.write("/etc/os-release", "ID=talos\n")
    (host.root / "etc/flatcar/release").unlink()
    (host.root / "etc/flatcar").rmdir()
    host.end(701)
    assert refusal(runtime).reason is Reason.UNSUPPORTED_NODE
