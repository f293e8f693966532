"""`fleet` over Nodes as there are: well, quiet, without an agent; and as who may not look."""

import json
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.cluster.leases import micro_time
from agent.cluster.listing import PAGE
from tests.ground.namespaces import wait_until
from tests.manifests.agents import call, command, live, wait_for_state
from tests.manifests.cluster import AGENT, OTHER, OWN, Cluster

pytestmark = pytest.mark.realcluster

WITHOUT, WINDOWS = "node-without", "node-windows"


@pytest.fixture
def nodes(cluster: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """Of two nodes agents have told, of one long ago; one is without, one of no interest."""
    cluster.add_node(WITHOUT)
    cluster.add_node(WINDOWS, **{"kubernetes.io/os": "windows"})
    for node in (OWN, OTHER):
        kubeconfig = str(cluster.agent_kubeconfig(node))
        with live("run", tmp_path / node, "--kubeconfig", kubeconfig):
            wait_for_state(cluster, node, "unsupported")
    silence(cluster, OTHER)
    yield cluster
    cluster.kubectl("delete", "node", WITHOUT, WINDOWS)


def silence(cluster: Cluster, node: str) -> None:
    """As if it had not been heard of for an hour."""
    moment = micro_time(datetime.now(UTC) - timedelta(hours=1))
    patch = json.dumps({"spec": {"renewTime": moment}})
    cluster.kubectl("patch", "lease", f"node-{node}", "-n", AGENT, "--type=merge", "-p", patch)


def admin(cluster: Cluster) -> tuple[str, str]:
    return ("--kubeconfig", str(cluster.plane.kubeconfig))


def test_shows_every_node_worst_first_and_names_who_says_nothing(nodes: Cluster) -> None:
    done = call("fleet", *admin(nodes))
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split()[:3] == ["NODE", "STATE", "REASON"]
    assert [line.split()[:3] for line in lines[:4]] == [
        [OTHER, "silent", "no-runtime-found"],
        [WITHOUT, "no-agent", "-"],
        [OWN, "unsupported", "no-runtime-found"],
        [WINDOWS, "not-selected", "-"],
    ]
    assert lines[4:] == [
        "nodes: 4 (1 silent, 1 no-agent, 1 unsupported, 1 not-selected)",
        f"gone silent: {OTHER}",
        f"no agent: {WITHOUT}",
    ]


def test_says_the_same_in_json(nodes: Cluster) -> None:
    told = json.loads(call("fleet", *admin(nodes), "--output", "json").stdout)
    assert told["totals"] == {"silent": 1, "no-agent": 1, "unsupported": 1, "not-selected": 1}
    assert [node["node"] for node in told["nodes"]] == [OTHER, WITHOUT, OWN, WINDOWS]


@pytest.mark.parametrize("where", ["KUBECONFIG", "HOME"])
def test_finds_the_kubeconfig_where_kubectl_does(
    cluster: Cluster, tmp_path: Path, where: str
) -> None:
    kubeconfig = cluster.plane.kubeconfig.read_text()
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text(kubeconfig)
    files = f"/nonexistent:{tmp_path}/.kube/config"
    done = call("fleet", env={where: files if where == "KUBECONFIG" else str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert OWN in done.stdout


def test_who_may_not_look_is_told_so(cluster: Cluster) -> None:
    nobody = cluster.plane.write_service_account_kubeconfig("default", "default")
    done = call("fleet", "--kubeconfig", str(nobody))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("registry-node-agent: api-forbidden: Leases, Nodes, DaemonSets: ")
    assert done.stderr.count("\n") == 1


def test_who_was_given_the_viewer_roles_sees_all_that_an_administrator_sees(
    nodes: Cluster,
) -> None:
    role, account = f"{AGENT}-fleet", "--serviceaccount=default:default"
    viewer = nodes.plane.write_service_account_kubeconfig("default", "default")
    nodes.kubectl("create", "clusterrolebinding", "fleet", f"--clusterrole={role}", account)
    here = f"--namespace={AGENT}"
    nodes.kubectl("create", "rolebinding", "fleet", here, f"--role={role}", account)
    try:
        asked = ("fleet", "--output", "json", "--kubeconfig")
        wait_until(lambda: not call(*asked, str(viewer)).returncode, what="the roles are known")
        told = json.loads(call(*asked, str(viewer)).stdout)
    finally:
        nodes.kubectl("delete", "clusterrolebinding", "fleet")
        nodes.kubectl("delete", "rolebinding", "fleet", here)
    assert told["totals"] == {"silent": 1, "no-agent": 1, "unsupported": 1, "not-selected": 1}


def test_an_api_server_that_is_not_there_is_told(cluster: Cluster, tmp_path: Path) -> None:
    away: Mapping[str, Any] = json.loads(cluster.plane.kubeconfig.read_text())
    away["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "away").write_text(json.dumps(away))
    done = call("fleet", "--kubeconfig", str(tmp_path / "away"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("registry-node-agent: api-unreachable: https://127.0.0.1:1: ")


def test_watching_shows_it_again_and_again_until_ctrl_c(cluster: Cluster) -> None:
    with subprocess.Popen(  # noqa: S603 - our own program
        command("fleet", "--watch", *admin(cluster)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        heads = 0
        while heads < 3:
            heads += process.stdout.readline().startswith("NODE ")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_watching_in_a_terminal_clears_it_and_shows_the_worst_that_fit(nodes: Cluster) -> None:
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (8, 200))
    of_readline = {"LINES", "COLUMNS"}  # which pytest loads, and which tells of another terminal
    with subprocess.Popen(  # noqa: S603 - our own program
        command("fleet", "--watch", *admin(nodes)),
        stdout=writer,
        stderr=subprocess.DEVNULL,
        env={name: text for name, text in os.environ.items() if name not in of_readline},
    ) as process:
        os.close(writer)
        seen = b""
        while seen.count(b"\x1b[2J") < 3:
            seen += os.read(reader, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    os.close(reader)
    screen = seen.decode().split("\x1b[H\x1b[2J")[1].split("\r\n")
    assert [line.split()[:2] for line in screen[1:3]] == [[OTHER, "silent"], [WITHOUT, "no-agent"]]
    assert screen[3] == "... and 2 more"
    assert len(screen) <= 8


def test_more_nodes_than_a_page_has_are_all_shown(cluster: Cluster) -> None:
    label = {"page": "yes"}
    names = [f"page-{number:03}" for number in range(PAGE + 50)]
    metadata = [{"name": name, "labels": label} for name in names]
    try:
        cluster.kubectl.apply(
            *({"apiVersion": "v1", "kind": "Node", "metadata": item} for item in metadata)
        )
        told = json.loads(call("fleet", *admin(cluster), "--output", "json").stdout)
        assert {node["node"] for node in told["nodes"]} >= set(names)
        assert told["totals"]["not-selected"] == len(names)
    finally:
        cluster.kubectl("delete", "--raw=/api/v1/nodes?labelSelector=page")
