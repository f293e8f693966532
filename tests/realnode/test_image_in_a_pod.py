"""The image as the DaemonSet's pod runs it: uid 0, no capability, of the node but its mounts."""

import json
from collections.abc import Iterator

import pytest

from tests.ground import programs, runtime
from tests.ground.image_builder import BuiltImage
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.pods import Pods
from tests.ground.registry import Registry
from tests.missing_programs import found_or_skipped
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.image_archive import ImageArchive
from tests.realnode.pod_agent import PodAgent, pod_template
from tests.realnode.scene import HOST, OTHER_ADDRESS, Scene

pytestmark = pytest.mark.realnode

WITH_SHIM = ("1.6", "1.7", "2.1")  # Debian's; of those from Go there is the daemon alone
LOGS = frozenset({"var/log"})  # the pods' own
newest_only = pytest.mark.parametrize("containerd_version", ["2.1"])

_SEEN = """
import json, os, pathlib, socket
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines()
              if ":\\t" in line)
names = [pathlib.Path(f"/host/proc/{pid}/comm").read_text().strip()
         for pid in os.listdir("/host/proc") if pid.isdigit()]
def refusal(path):
    try:
        pathlib.Path(path, "x").write_text("")
    except OSError as error:
        return error.strerror
    os.unlink(f"{path}/x")
    return ""
socket.socket(socket.AF_UNIX).connect("/host/run/containerd/containerd.sock")
print(json.dumps({
    "capabilities": status["CapEff"] + status["CapBnd"],
    "seccomp": status["Seccomp"],
    "new privileges": status["NoNewPrivs"],
    "uid": status["Uid"].split()[0],
    "own processes": len([pid for pid in os.listdir("/proc") if pid.isdigit()]),
    "node's processes": names,
    "writing": {path: refusal(path) for path in
                ("/", "/tmp", "/host", "/host/etc", "/host/var/lib", "/host/run")},
}))
"""


@pytest.fixture(params=WITH_SHIM)
def containerd_version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def node(containerd_version: str) -> Iterator[Node]:
    """A node that can run containers."""
    containerd = containerd_or_skip(containerd_version)
    tools = [found_or_skipped("runc", programs.runc)]
    with Node(containerd=containerd, tools=tools) as made:
        yield made


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    """All is asked for, and containerd runs."""
    made = Scene(node=node, registry=registry)
    made.serve()
    made.ask_for()
    node.start_containerd(config=runtime.pod_config(node.containerd_version))
    return made


@pytest.fixture
def agent(scene: Scene, built_image: BuiltImage) -> Iterator[PodAgent]:
    """The image of this session, imported by `make load`."""
    (name,) = ImageArchive.read(built_image.archive).names
    with Pods(scene.node) as pods:
        assert name in pods.load(built_image.archive)
        yield PodAgent(pods=pods, image=name)


def test_every_command_works_and_the_node_is_put_back(scene: Scene, agent: PodAgent):
    before = scene.node.snapshot(ignoring=LOGS)
    planned = agent.call("plan", "--output=json")
    unchanged = scene.node.snapshot(ignoring=LOGS) == before
    synced, pulled = agent.call("sync"), scene.pull()
    doctor = agent.call("doctor", "--output=json")
    again = agent.call("plan", "--exit-code")
    removed = agent.call("remove")

    assert (planned.status, planned.err, unchanged) == (0, "", True)
    assert HOST in json.loads(planned.out)["diff"]
    assert (synced.status, synced.err) == (0, "")
    assert "tcp tls api effective" in synced.out
    assert pulled.ok, pulled.error
    assert (doctor.status, doctor.err) == (0, "")
    assert {check["passed"] for check in json.loads(doctor.out)} == {True}
    assert (again.status, again.err) == (0, "")
    assert (removed.status, removed.err) == (0, "")
    assert f"lookup {HOST}" in scene.pull().error
    assert scene.node.snapshot(ignoring=LOGS) == before


@newest_only
def test_run_follows_a_change_keeps_remove_away_and_ends_in_peace(scene: Scene, agent: PodAgent):
    with agent.run() as live:
        live.wait_until_in_sync()
        scene.serve("other", address=OTHER_ADDRESS)
        scene.ask_for(address=OTHER_ADDRESS)
        wait_until(lambda: OTHER_ADDRESS in scene.endpoint(), what="the new address is written")
        beside = agent.call("remove")
        live.wait_until_in_sync()

    assert (beside.status, beside.reasons) == (1, ("another-agent",))
    assert scene.pull().ok


def test_what_it_is_tried_with_is_what_the_daemon_set_says():
    pod = pod_template()
    (container,) = pod["containers"]

    assert (pod["hostNetwork"], "hostPID" in pod, "hostIPC" in pod) == (True, False, False)
    assert pod["securityContext"]["runAsUser"] == 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@newest_only
def test_a_socket_that_is_named_by_its_old_path_is_found(scene: Scene, agent: PodAgent):
    scene.node.restart_containerd("--address=/var/run/containerd/containerd.sock")
    synced = agent.call("sync")

    assert (synced.status, synced.err) == (0, "")
    assert "effective" in synced.out


@newest_only
def test_it_can_do_no_more_than_the_daemon_set_allows(agent: PodAgent):
    seen = json.loads(agent.python(_SEEN).out)

    assert int(seen["capabilities"], 16) == 0
    assert (seen["uid"], seen["seccomp"], seen["new privileges"]) == ("0", "2", "1")
    assert seen["own processes"] == 1
    assert "containerd" in seen["node's processes"]
    read_only = "Read-only file system"
    assert seen["writing"] == {
        "/": read_only,
        "/tmp": read_only,  # noqa: S108 - the container's
        "/host": read_only,
        "/host/etc": "",
        "/host/var/lib": "",
        "/host/run": read_only,
    }
