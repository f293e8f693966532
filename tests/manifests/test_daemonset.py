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
from tests.manifests.kustomizations import (
    ROOT,
    build,
    components,
    containers,
    kustomizations,
    only,
    overlay,
)

pytestmark = pytest.mark.realcluster

Agents = list[Mapping[str, Any]]
HOST = PurePosixPath("/host")
WRITTEN = (containerd_config.CERTS_D, daemon_finder.DEFAULT_CONFIG)
READ = (containerd_merge.DEFAULT_SOCKET, "/etc/machine-id", "/proc/1/stat")
ROOTS = (*system_roots.FILES, *system_roots.DIRECTORIES)
IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
ADDRESSES = ["192.0.2.10", "2001:db8::10"]


@pytest.fixture(params=[*map(str, kustomizations()), *components()])
def agents(request: pytest.FixtureRequest, tmp_path: Path) -> Agents:
    """The containers that run this program: of each kustomization, and with each component."""
    name = str(request.param)
    directory = overlay(tmp_path, name) if name in components() else ROOT / name
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


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_program_takes_its_arguments(agents: Agents, address: str, tmp_path: Path) -> None:
    for container in agents:
        settings = settings_of(container, host_root=tmp_path, address=address)
        assert settings.node_name == "node-a"
        assert (settings.listen.host, settings.listen.port) == (address, port_of(container))


def test_every_variable_is_that_of_a_flag(agents: Agents) -> None:
    names = {entry["name"] for container in agents for entry in container["env"]}
    ours = {name for name in names if name.startswith(ENVIRONMENT_PREFIX)}
    assert ours <= {flag.variable for flag in FLAGS}


def test_its_probes_ask_what_it_serves_on_its_port(agents: Agents) -> None:
    for container in agents:
        probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness")]
        assert [probe["path"] for probe in probes] == ["/livez", "/livez"]
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert {probe["port"] for probe in probes} == {container["ports"][0]["name"]}


def test_what_it_looks_at_is_mounted(agents: Agents, tmp_path: Path) -> None:
    for container in agents:
        settings = settings_of(container, host_root=tmp_path, address=ADDRESSES[0])
        for path in (*WRITTEN, settings.state_dir):
            assert not mounts_of(path, container)[-1].get("readOnly")
        for path in READ:
            assert mounts_of(path, container)
        assert any(mounts_of(path, container) for path in ROOTS)  # of which a node has some


def test_no_mount_of_the_node_outlives_the_node_s_own_unmounting(agents: Agents) -> None:
    for container in agents:
        for mount in container["volumeMounts"]:
            assert mount["mountPropagation"] == "HostToContainer"


def test_its_image_is_of_this_version() -> None:
    (container,) = containers(only(build(), "DaemonSet"))
    assert container["image"].endswith(f"registry-node-agent:{agent.__version__}")


def mounts_of(path: str, container: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those that a path of the node is in, the innermost last."""
    inside = HOST / path.lstrip("/")
    mounts = sorted(container["volumeMounts"], key=lambda mount: len(mount["mountPath"]))
    return [mount for mount in mounts if inside.is_relative_to(mount["mountPath"])]


def port_of(container: Mapping[str, Any]) -> int:
    (port,) = container["ports"]
    return int(port["containerPort"])
