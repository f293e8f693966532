"""What a node says of itself on a real API server, and how people see it: kubectl and the fleet."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.cluster.api import Api
from agent.cluster.connection import Connection, Kubeconfig
from agent.cluster.fleet_reader import read_fleet
from agent.cluster.leases import NAMESPACE, micro_time
from agent.cluster.node_status import NodeStatus
from agent.errors import Problem, Reason
from agent.node.clock import SystemClock
from agent.planning.fleet import Row
from agent.planning.node_state import CONFIG_SHA256, State, node_state
from tests.cluster.node_api import NodeApi, of_kind
from tests.ground import programs
from tests.ground.control_plane import ControlPlane
from tests.ground.namespaces import wait_until
from tests.ground.server import Server
from tests.worlds import converged

pytestmark = pytest.mark.realcluster

OK = node_state(converged().run(), version="1.0")
BAD = replace(OK, state=State.DEGRADED, reason=Reason.CONNECTION_REFUSED)
REFUSED = Problem(
    reason=Reason.CONNECTION_REFUSED,
    where="https://10.96.0.50",
    detail="nobody listens there",
    registry="registry/knative",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The part of a live agent that publishes."""

    node: NodeApi
    status: NodeStatus
    complaints: list[Problem]


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Callable[[], Agent]]:
    """Agents, each on a Node of its own, with the rights of the DaemonSet's account."""
    with ExitStack() as stack:

        def make() -> Agent:
            node = stack.enter_context(of_kind("real", request))
            complaints: list[Problem] = []
            stop = threading.Event()
            status = NodeStatus(
                api=node.api,
                node_name=node.node,
                clock=SystemClock(),
                stop=stop,
                say=complaints.append,
            )
            thread = threading.Thread(target=status.run)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(status.wake)
            stack.callback(stop.set)
            return Agent(node=node, status=status, complaints=complaints)

        yield make


def told_in_state(plane: ControlPlane, agent: Agent, state: str) -> str:
    """The line that kubectl has for the node's Lease, once it says this state."""
    columns = ",".join(
        f"registry-node-agent.internal/{name}" for name in ("state", "reason", "runtime", "version")
    )

    def line() -> str:
        name = f"node-{agent.node.node}"
        told = plane.kubectl("get", "leases", "-n", NAMESPACE, "-L", columns, "--no-headers")
        [found] = [item for item in told.splitlines() if item.startswith(f"{name} ")] or [""]
        return found if f" {state} " in found else ""

    wait_until(line, what=f"the Lease says {state}")
    return " ".join(line().split())


def described(plane: ControlPlane, agent: Agent) -> str:
    """The Events of `kubectl describe node`, one space between words."""
    told = plane.kubectl("describe", "node", agent.node.node)
    return " ".join(told.partition("Events:")[2].split())


def test_a_node_is_seen_by_kubectl_alone(
    control_plane: ControlPlane, start: Callable[[], Agent]
) -> None:
    agent = start()
    agent.status.publish(OK, ())
    line = told_in_state(control_plane, agent, "ok")
    assert f"node-{agent.node.node} {agent.node.node}" in line
    assert line.endswith("ok containerd_2.1.4 1.0")
    wait_until(
        lambda: "RegistryInSync" in described(control_plane, agent), what="the Event is shown"
    )

    agent.status.publish(BAD, (REFUSED,))
    line = told_in_state(control_plane, agent, "degraded")
    assert line.endswith("degraded connection-refused containerd_2.1.4 1.0")
    wait_until(
        lambda: "ConnectionRefused" in described(control_plane, agent), what="the Event is shown"
    )
    shown = described(control_plane, agent)
    assert "Normal RegistryInSync" in shown
    assert "registry-node-agent.internal/agent" in shown
    assert "registry/knative is pulled from https://10.96.0.50:5000, trust " in shown
    assert "connection-refused: https://10.96.0.50: nobody listens there; check that" in shown
    assert agent.complaints == []


def test_a_lease_goes_with_its_node_and_no_other_does(
    control_plane: ControlPlane, start: Callable[[], Agent], request: pytest.FixtureRequest
) -> None:
    gone, stays = start(), start()
    for agent in (gone, stays):
        agent.status.publish(OK, ())
        told_in_state(control_plane, agent, "ok")
    collector = garbage_collector(control_plane)
    request.addfinalizer(collector.kill)
    collector.launch()
    control_plane.kubectl("delete", "node", gone.node.node)
    wait_until(
        lambda: not has_lease(control_plane, gone), what="the Lease is collected", seconds=60
    )
    assert has_lease(control_plane, stays)


def has_lease(plane: ControlPlane, agent: Agent) -> bool:
    name = f"node-{agent.node.node}"
    return plane.kubectl.call("get", "lease", name, "-n", NAMESPACE).returncode == 0


def garbage_collector(plane: ControlPlane) -> Server:
    """The part of kube-controller-manager that deletes what has no owner any more."""
    return Server(
        command=[
            str(programs.kubernetes("kube-controller-manager").executable),
            f"--kubeconfig={plane.kubeconfig}",
            "--controllers=garbage-collector-controller",
            "--leader-elect=false",
            "--secure-port=0",
        ],
        place=plane.place,
        log=plane.directory / "garbage-collector.log",
        is_ready=lambda: True,
    )


def test_a_fleet_is_told_as_it_is(control_plane: ControlPlane, start: Callable[[], Agent]) -> None:
    """Two agents, a node without one, and one that was not heard of for an hour."""
    well, bad, quiet = start(), start(), start()
    well.status.publish(OK, ())
    bad.status.publish(BAD, (REFUSED,))
    quiet.status.publish(OK, ())
    for agent, state in ((well, "ok"), (bad, "degraded"), (quiet, "ok")):
        told_in_state(control_plane, agent, state)
    an_hour_ago = micro_time(datetime.now(UTC) - timedelta(hours=1))
    control_plane.kubectl(
        *("patch", "lease", f"node-{quiet.node.node}", "-n", NAMESPACE, "--type=merge"),
        f'--patch={{"spec": {{"renewTime": "{an_hour_ago}"}}}}',
    )
    control_plane.kubectl.apply(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-without"}}
    )

    names = {"node-without", *(agent.node.node for agent in (well, bad, quiet))}
    rows = [row for row in fleet(control_plane) if row.node in names]
    control_plane.kubectl("delete", "node", "node-without")
    assert [(row.node, row.state, row.reason) for row in rows] == [
        (quiet.node.node, "silent", ""),
        ("node-without", "no-agent", ""),
        (bad.node.node, "degraded", "connection-refused"),
        (well.node.node, "ok", ""),
    ]
    assert {row.config_sha256 for row in rows} == {"", OK.annotations[CONFIG_SHA256]}


def fleet(plane: ControlPlane) -> tuple[Row, ...]:
    """As an admin reads it."""
    connection = Connection(Kubeconfig(plane.kubeconfig), user_agent="registry-node-agent/test")
    try:
        return read_fleet(Api(connection), now=datetime.now(UTC)).rows
    finally:
        connection.close()
