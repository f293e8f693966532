"""What agents with the rights of `deploy/` say of their nodes, as people see it by kubectl."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cluster.api import Api
from agent.cluster.node_status import NodeStatus
from agent.errors import Problem, Reason
from agent.node.clock import SystemClock
from agent.planning.node_state import NodeState, State, node_state
from tests.ground.namespaces import wait_until
from tests.manifests.agents import (
    PREFIX,
    Live,
    events,
    lease,
    live,
    state,
    wait_for_state,
)
from tests.manifests.cluster import AGENT, Cluster
from tests.worlds import converged

pytestmark = pytest.mark.realcluster

OK = node_state(converged().run(), version="1.0")
BAD = replace(OK, state=State.DEGRADED, reason=Reason.CONNECTION_REFUSED)
REFUSED = Problem(
    reason=Reason.CONNECTION_REFUSED, where="https://10.96.0.50", detail="nobody listens there"
)
COLUMNS = ",".join(f"{PREFIX}{name}" for name in ("state", "reason", "runtime", "version"))


@pytest.fixture
def nodes(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Two Nodes that nothing was told of yet."""
    names = (f"new-{os.urandom(4).hex()}", f"new-{os.urandom(4).hex()}")
    for name in names:
        cluster.add_node(name)
    yield names
    cluster.kubectl("delete", "node", *names, "--ignore-not-found")


@contextmanager
def running(cluster: Cluster, node: str, root: Path, *flags: str) -> Iterator[Live]:
    kubeconfig = str(cluster.agent_kubeconfig(node))
    with live("run", root, "--kubeconfig", kubeconfig, *flags) as agent:
        yield agent


def columns(cluster: Cluster, node: str) -> list[str]:
    """What kubectl shows of the node's Lease: its name, holder, age, then our labels."""
    name = ("lease", f"node-{node}", f"--namespace={AGENT}")
    return cluster.kubectl("get", *name, "-L", COLUMNS, "--no-headers").split()


def test_two_agents_each_tell_of_their_own_node_only(
    cluster: Cluster, nodes: tuple[str, str], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        agents = {
            node: stack.enter_context(running(cluster, node, tmp_path / node)) for node in nodes
        }
        for node, agent in agents.items():
            wait_for_state(cluster, node, "unsupported")
            [owner] = lease(cluster, node)["metadata"]["ownerReferences"]
            uid = cluster.kubectl.get("node", node)["metadata"]["uid"]
            assert (owner["kind"], owner["name"], owner["uid"]) == ("Node", node, uid)
            assert lease(cluster, node)["spec"]["holderIdentity"] == node
            wait_until(
                lambda n=node: "NoRuntimeFound" in events(cluster, n), what="the Event is shown"
            )
            assert events(cluster, node).count("NoRuntimeFound") == 1
            assert agent.problems() == []


def test_a_port_that_is_taken_is_told_for_as_long_as_it_is(
    cluster: Cluster, nodes: tuple[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with running(cluster, nodes[0], tmp_path / "root", "--listen", address):
            wait_for_state(cluster, nodes[0], "degraded")
            assert "listen-failed" in columns(cluster, nodes[0])
            wait_until(lambda: "ListenFailed" in events(cluster, nodes[0]), what="it is shown")
            taken.close()
            wait_until(
                lambda: state(cluster, nodes[0]) == "unsupported",
                what="nothing is told of the port",
                seconds=90,
            )


def test_an_agent_that_is_started_again_does_not_repeat_its_events(
    cluster: Cluster, nodes: tuple[str, str], tmp_path: Path
) -> None:
    node, root = nodes[0], tmp_path / "root"
    with running(cluster, node, root):
        wait_until(lambda: "NoRuntimeFound" in events(cluster, node), what="it is shown")
    before = lease(cluster, node)["spec"]["renewTime"]
    with running(cluster, node, root):
        wait_until(
            lambda: lease(cluster, node)["spec"]["renewTime"] > before, what="the Lease is renewed"
        )
    assert events(cluster, node).count("NoRuntimeFound") == 1


def test_kubectl_shows_state_reason_runtime_and_version_without_us(
    cluster: Cluster, nodes: tuple[str, str]
) -> None:
    node = nodes[0]
    with cluster.api_as(node) as api:
        publish(api, OK)
        name, holder, _, *told = columns(cluster, node)
        assert (name, holder, told) == (f"node-{node}", node, ["ok", "containerd_2.1.4", "1.0"])
        publish(api, BAD, REFUSED)
        told = columns(cluster, node)[3:]
        assert told == ["degraded", "connection-refused", "containerd_2.1.4", "1.0"]
    shown = events(cluster, node)
    assert "Normal RegistryInSync" in shown
    assert "Warning ConnectionRefused" in shown
    assert "registry-node-agent.internal/agent" in shown
    assert "registry/knative is pulled from https://10.96.0.50:5000, trust " in shown
    assert "connection-refused: https://10.96.0.50: nobody listens there; check that" in shown


def test_a_lease_goes_with_its_node_and_no_other_does(
    cluster: Cluster, nodes: tuple[str, str]
) -> None:
    goes, stays = nodes
    for node in nodes:
        with cluster.api_as(node) as api:
            publish(api, OK)
        assert state(cluster, node) == "ok"
    cluster.kubectl("delete", "node", goes)
    wait_until(lambda: not lease(cluster, goes), what="the Lease is collected", seconds=60)
    assert state(cluster, stays) == "ok"


def test_what_is_found_while_the_api_server_is_away_is_told_once_it_is_back(
    cluster: Cluster, nodes: tuple[str, str]
) -> None:
    node, complaints = nodes[0], list[Problem]()
    with cluster.api_as(node) as api, in_a_thread(api, complaints) as status:
        status.publish(OK, ())
        wait_until(lambda: "RegistryInSync" in events(cluster, node), what="the Event is shown")
        cluster.plane.api_server.kill()
        try:
            status.publish(BAD, (REFUSED,))
            wait_until(lambda: complaints, what="it is missed")
            status.publish(OK, ())
            status.publish(BAD, (REFUSED,))
        finally:
            cluster.plane.api_server.start()
        wait_for_state(cluster, node, "degraded")
        wait_until(lambda: "ConnectionRefused" in events(cluster, node), what="the Event is shown")
    # One that has just started refuses everybody until it has read the roles.
    assert {problem.reason for problem in complaints} <= {
        Reason.API_UNREACHABLE,
        Reason.API_FORBIDDEN,
    }
    assert events(cluster, node).count("RegistryInSync") == 1


def publish(api: Api, state: NodeState, *problems: Problem) -> None:
    """What a new process of the node publishes first."""
    complaints: list[Problem] = []
    status = new_status(api, complaints)
    status.publish(state, problems)
    status.step()
    assert complaints == []


def new_status(
    api: Api, complaints: list[Problem], stop: threading.Event | None = None
) -> NodeStatus:
    return NodeStatus(
        api=api,
        node_name="named by the token",
        clock=SystemClock(),
        stop=stop or threading.Event(),
        say=complaints.append,
    )


@contextmanager
def in_a_thread(api: Api, complaints: list[Problem]) -> Iterator[NodeStatus]:
    stop = threading.Event()
    status = new_status(api, complaints, stop)
    thread = threading.Thread(target=status.run)
    thread.start()
    try:
        yield status
    finally:
        stop.set()
        status.wake()
        thread.join(30)
