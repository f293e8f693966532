"""The DaemonSet fits the program that it runs: its flags, its variables, the paths it looks at."""

import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import agent
from agent.flags import ENVIRONMENT_PREFIX, FLAGS
from agent.node import daemon_finder, system_roots
from agent.planning import containerd_config, containerd_merge
from agent.settings import Settings, read_settings
from tests.manifests.kustomizations import build, containers, kustomizations, only

pytestmark = pytest.mark.realcluster

HOST = PurePosixPath("/host")
WRITTEN = (containerd_config.CERTS_D, daemon_finder.DEFAULT_CONFIG)
READ = (
    *(containerd_merge.DEFAULT_SOCKET, "/etc/machine-id", "/proc/1/stat"),
    *(*system_roots.FILES, *system_roots.DIRECTORIES),
)
IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
ADDRESSES = ["192.0.2.10", "2001:db8::10"]


def agents(directory: Path) -> list[Mapping[str, Any]]:
    """The containers of a kustomization that run this program."""
    workloads = (
        thing for thing in build(directory) if thing["kind"] in {"DaemonSet", "Deployment"}
    )
    every = chain.from_iterable(containers(workload) for workload in workloads)
    return [one for one in every if one["name"] == "agent"]


def settings_of(container: Mapping[str, Any], *, host_root: Path, address: str) -> Settings:
    """What the program takes from its command line and environment, as the kubelet gives them."""
    given = {"spec.nodeName": "node-a", "status.podIP": address}
    environment = {
        entry["name"]: entry.get("value") or given[entry["valueFrom"]["fieldRef"]["fieldPath"]]
        for entry in container["env"]
    } | IN_A_POD

    def expand(argument: str) -> str:
        expanded = re.sub(r"\$\((\w+)\)", lambda found: environment[found[1]], argument)
        return expanded.replace(str(HOST), str(host_root))

    return read_settings([expand(argument) for argument in container["args"]], environment)


@pytest.mark.parametrize("directory", kustomizations(), ids=str)
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_program_takes_its_arguments(directory: Path, address: str, tmp_path: Path) -> None:
    for container in agents(directory):
        settings = settings_of(container, host_root=tmp_path, address=address)
        assert settings.node_name == "node-a"
        assert (settings.listen.host, settings.listen.port) == (address, port_of(container))


@pytest.mark.parametrize("directory", kustomizations(), ids=str)
def test_every_variable_is_that_of_a_flag(directory: Path) -> None:
    names = {entry["name"] for container in agents(directory) for entry in container["env"]}
    ours = {name for name in names if name.startswith(ENVIRONMENT_PREFIX)}
    assert ours <= {flag.variable for flag in FLAGS}


@pytest.mark.parametrize("directory", kustomizations(), ids=str)
def test_its_probes_ask_what_it_serves_on_its_port(directory: Path) -> None:
    for container in agents(directory):
        probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness")]
        assert [probe["path"] for probe in probes] == ["/livez", "/livez"]
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert {probe["port"] for probe in probes} == {container["ports"][0]["name"]}


@pytest.mark.parametrize("directory", kustomizations(), ids=str)
def test_what_it_looks_at_is_mounted(directory: Path, tmp_path: Path) -> None:
    for container in agents(directory):
        settings = settings_of(container, host_root=tmp_path, address=ADDRESSES[0])
        for path in (*WRITTEN, settings.state_dir):
            assert not mount_of(path, container).get("readOnly")
        for path in READ:
            assert mount_of(path, container)


@pytest.mark.parametrize("directory", kustomizations(), ids=str)
def test_no_mount_of_the_node_outlives_the_node_s_own_unmounting(directory: Path) -> None:
    for container in agents(directory):
        for mount in container["volumeMounts"]:
            assert mount["mountPropagation"] == "HostToContainer"


def test_its_image_is_of_this_version() -> None:
    (container,) = containers(only(build(), "DaemonSet"))
    assert container["image"].endswith(f"registry-node-agent:{agent.__version__}")


def mount_of(path: str, container: Mapping[str, Any]) -> Mapping[str, Any]:
    """The innermost mount that a path of the node is in."""
    inside = HOST / path.lstrip("/")
    around = [
        mount for mount in container["volumeMounts"] if inside.is_relative_to(mount["mountPath"])
    ]
    assert around, f"{path} is not mounted"
    found: Mapping[str, Any] = max(around, key=lambda mount: len(mount["mountPath"]))
    return found


def port_of(container: Mapping[str, Any]) -> int:
    (port,) = container["ports"]
    return int(port["containerPort"])
