"""Every layout as it is shipped, on the real containerd: found, served or refused, and put back."""

import json
import subprocess
import tomllib
from collections.abc import Iterator

import pytest

from agent.errors import Reason
from agent.planning.containerd_config_file import GRPC_CRI, IMAGES_CRI
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.layout_nodes import EDITABLE_NODES, LAYOUT_NODES, LayoutNode, write_config
from tests.realnode.scene import HOST, Scene

pytestmark = pytest.mark.realnode


@pytest.fixture
def scene(case: LayoutNode) -> Iterator[Scene]:
    """A node as the distribution makes it, with its containerd running."""
    with (
        Node(containerd=containerd_or_skip(case.containerd)) as node,
        Registry(node=node) as registry,
    ):
        made = Scene(node=node, registry=registry)
        made.serve()
        made.ask_for()
        for path, text in case.others.items():
            node.write(path, text)
        write_config(node, case.config, case.text)
        node.start_containerd("--config", case.config, config=None)
        yield made


def config_path(scene: Scene, case: LayoutNode) -> str:
    """What the real containerd makes of its files as they stand."""
    plugins = tomllib.loads(scene.node.containerd_config_dump("--config", case.config))["plugins"]
    registries = [plugins.get(name, {}).get("registry", {}) for name in (IMAGES_CRI, GRPC_CRI)]
    told = [found["config_path"] for found in registries if "config_path" in found]
    return str(told[0]) if told else ""


def roots(case: LayoutNode) -> set[str]:
    """Where the directories of hosts belong."""
    listed = case.effective or "/etc/containerd/certs.d"
    is_default_list = case.containerd == "2.2" and not case.effective
    found = {listed.partition(":")[0]}
    return found | ({f"{listed}:/etc/docker/certs.d"} if is_default_list else {listed})


def written(diff: str) -> set[str]:
    """The directories above those of our hosts that a diff writes hosts.toml files into."""
    files = [line[5:] for line in diff.splitlines() if line.startswith("+++ b/")]
    hosts = [file for file in files if file.endswith("/hosts.toml") and "knative" in file]
    return {file.removesuffix("/hosts.toml").rpartition("/")[0] for file in hosts}


@pytest.mark.parametrize("case", LAYOUT_NODES, ids=str)
def test_a_layout_is_found_served_or_refused_and_put_back(case: LayoutNode, scene: Scene):
    start = scene.node.snapshot()
    plan = json.loads(scene.agent.call("plan", "--output=json").out)
    untouched = scene.node.snapshot() == start
    synced = scene.agent.sync()
    effective = config_path(scene, case)
    pulled, is_resolved = scene.pull(), scene.resolves()
    doctor = scene.agent.call("doctor")
    removed = scene.agent.remove()

    assert untouched
    assert (plan["action"], plan["change_needed"]) == ("none", "")
    assert written(plan["diff"]) == roots(case)
    assert effective == case.effective
    assert any(case.title in line for line in doctor.out.splitlines() if "layout" in line)
    if case.unread is None:
        assert plan["problems"] == []
        assert (synced.status, synced.err) == (0, "")
        assert pulled.ok, pulled.error
        assert is_resolved
        assert doctor.status == 0, doctor.out
    else:
        assert case.unread in {problem["reason"] for problem in plan["problems"]}
        assert case.unread in synced.reasons
        assert f"lookup {HOST}" in pulled.error
    assert (removed.status, removed.err) == (0, "")
    assert f"lookup {HOST}" in scene.pull().error
    assert scene.node.snapshot() == start


@pytest.mark.parametrize("case", EDITABLE_NODES, ids=str)
def test_a_file_of_a_person_is_served_after_the_edit_that_the_plan_shows(
    case: LayoutNode, scene: Scene
):
    start = scene.node.snapshot()
    plan = json.loads(scene.agent.call("plan", "--output=json").out)
    before = scene.agent.sync()
    patch(scene, plan["change_needed"])
    effective = config_path(scene, case)
    scene.node.restart_containerd("--config", case.config)
    after, pulled = scene.agent.sync(), scene.pull()
    doctor = scene.agent.call("doctor")
    removed = scene.agent.remove()

    assert plan["action"] == "restart"
    assert any(case.title in line for line in doctor.out.splitlines() if "layout" in line)
    assert Reason.CONFIG_PATH_UNSET in before.reasons
    assert effective == case.effective
    assert (after.status, after.err) == (0, "")
    assert pulled.ok, pulled.error
    assert (removed.status, removed.err) == (0, "")
    patch(scene, plan["change_needed"], "--reverse")
    assert scene.node.snapshot() == start


AT_REST = [case for case in LAYOUT_NODES if case.file in {"k3s-v2.toml", "rke2-v3.toml"}]


@pytest.mark.parametrize("case", AT_REST, ids=lambda case: f"{case} in {case.config}")
def test_one_that_is_stopped_gets_its_files_where_it_reads_them_at_its_start(
    case: LayoutNode, scene: Scene
):
    scene.node.write(f"/etc/rancher/{case.title.lower()}/token", "")
    scene.node.stop_containerd()
    start = scene.node.snapshot()
    stopped = scene.agent.sync()
    doctor = scene.agent.call("doctor")
    scene.node.restart_containerd("--config", case.config)
    pulled = scene.pull()
    removed = scene.agent.remove()

    assert stopped.reasons == ("runtime-unreachable",)
    assert any(case.title in line for line in doctor.out.splitlines() if "layout" in line)
    assert pulled.ok, pulled.error
    assert (removed.status, removed.err) == (0, "")
    assert scene.node.snapshot() == start


def patch(scene: Scene, diff: str, *flags: str) -> None:
    """What a person would do with a diff of the plan."""
    subprocess.run(  # noqa: S603 - the machine's own program
        ["/usr/bin/patch", "-p1", "--fuzz=0", *flags],
        input=diff.encode(),
        cwd=scene.node.root,
        check=True,
        capture_output=True,
    )
