"""(e) From a Service's patch in a real API server to the new hosts.toml, durable everywhere.

The clock starts just before the request is sent, in the node's network, and stops as in (a). A
ClusterIP cannot be changed by one patch: each change is two, and the first, which makes the Service
an ExternalName and takes its address away, changes no file and is not timed. The agent and the bare
process follow a Service each; both are idle before each change, and take turns.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE
from threading import Event

from tests.bench.bare import Bare
from tests.bench.change import count_renames
from tests.bench.figures import Row
from tests.demo.agent import CLONE, Agent
from tests.demo.arrivals import Arrivals
from tests.demo.stage import ADDRESS, HOST, NEW_ADDRESS, Stage
from tests.ground.closing import Closing
from tests.ground.cluster_access import ADMIN, ADMINS
from tests.ground.control_plane import API_ADDRESS, API_PORT, ControlPlane
from tests.ground.namespaces import NodeTroubleError

_REST = Event()  # never set: waiting on it is a pause
_REST_SECONDS = 0.15
_WARM_UP = 3
_BARE_ADDRESSES = ("10.96.0.60", "10.96.0.87")
_NAMESPACES = ("registry", "registry-trust", "bare")


def measure(stage: Stage, *, changes: int) -> tuple[Row, str]:
    """The row, and how many durable renames were counted. The agent must not be running."""
    with ApiServer(stage) as server:
        stage.agent = Agent(
            node=stage.node,
            view=f"--kubeconfig={server.plane.kubeconfig}",
            python=stage.agent.python,
        )
        stage.agent.start()
        if not stage.agent.await_pass(number=1)["in_sync"]:
            raise NodeTroubleError(f"the agent is not in sync: {stage.agent.last_words()}")
        row = _measure(stage, server, changes=changes)
        stage.agent.stop()
        return row


def _measure(stage: Stage, server: "ApiServer", *, changes: int) -> tuple[Row, str]:
    before, after = count_renames(stage, lambda: _change_of_agent(stage, server, NEW_ADDRESS))
    bare = Bare(
        stage,
        module="tests.bench.bare_watch",
        before=before,
        after=after,
        values=lambda _: {**server.flags, "path": "/api/v1/namespaces/bare/services"},
    )
    agent_took, bare_took = [], []
    for number in range(changes + _WARM_UP):
        agent_took.append(_change_of_agent(stage, server, (ADDRESS, NEW_ADDRESS)[number % 2]))
        _REST.wait(_REST_SECONDS)
        server.take_address("bare")
        _REST.wait(_REST_SECONDS)
        address = _BARE_ADDRESSES[1 - number % 2]
        bare_took.append(server.give_address("bare", address, bare.host_directories))
        _REST.wait(_REST_SECONDS)
    bare.process.end()
    row = Row(
        what="(e) Service patched -> hosts.toml durable",
        unit="ms",
        agent=[seconds * 1000 for seconds in agent_took[_WARM_UP:]],
        least=[seconds * 1000 for seconds in bare_took[_WARM_UP:]],
    )
    return row, (
        f"{before} of the agent's own state and {len(stage.host_directories)} of hosts.toml until "
        f"the clock stops, {after} more after it"
    )


def _change_of_agent(stage: Stage, server: "ApiServer", address: str) -> float:
    """Seconds; the agent is idle before and after."""
    passes = len(list(stage.agent.passes()))
    server.take_address("registry")
    stage.agent.await_pass(number=passes + 1)
    _REST.wait(_REST_SECONDS)
    took = server.give_address("registry", address, stage.host_directories)
    stage.agent.await_pass(number=passes + 2)
    return took


class ApiServer(Closing):
    """A control plane on the stage's node, two Services and the bundle in it, and who patches."""

    def __init__(self, stage: Stage) -> None:
        node = stage.node
        node.add_address(API_ADDRESS)
        directory = node.root / "run/control-plane"
        directory.mkdir()
        self.plane = ControlPlane(
            place=node, directory=directory, address=API_ADDRESS, port=API_PORT
        )
        client = self.plane.access.authority.issue_client(ADMIN, groups=(ADMINS,))
        certificate = directory / "client.pem"
        certificate.write_text(client.chain_pem + client.key_pem)
        self.flags = {
            "server": self.plane.access.url,
            "authority": directory / "ca.crt",
            "certificate": certificate,
        }
        self._pipe = directory / "patches"
        os.mkfifo(self._pipe)
        self.plane.start()
        self._fill(stage)
        self._open_fronts(stage)
        flags = [f"--{name}={value}" for name, value in self.flags.items()]
        python = stage.agent.python
        self._patcher = node.popen(
            [*python.command, "-m", "tests.bench.patch_service", f"--pipe={self._pipe}", *flags],
            env=python.environment,
            cwd=CLONE,
            stdout=PIPE,
        )
        self._orders = self._pipe.open("w")

    def close(self) -> None:
        self._orders.close()
        self._patcher.end()
        self.plane.close()

    def take_address(self, namespace: str) -> None:
        """Make the Service one without a ClusterIP."""
        nowhere = {"type": "ExternalName", "externalName": "nowhere.invalid"}
        self._patch(namespace, {**nowhere, "clusterIP": None, "clusterIPs": None})

    def give_address(self, namespace: str, address: str, directories: Sequence[Path]) -> float:
        """Give it that one; seconds until the last directory has its new hosts.toml."""
        somewhere = {"type": "ClusterIP", "externalName": None}
        with Arrivals(directories=directories, name="hosts.toml") as arrivals:
            began = self._patch(namespace, {**somewhere, "clusterIP": address})
            return arrivals.await_all() - began

    def _patch(self, namespace: str, spec: dict[str, object]) -> float:
        """The monotonic time just before the request."""
        path = f"/api/v1/namespaces/{namespace}/services/knative"
        self._orders.write(json.dumps([path, {"spec": spec}]) + "\n")
        self._orders.flush()
        answer = self._patcher.stdout.readline() if self._patcher.stdout else ""
        if not answer:
            raise NodeTroubleError("the process that patches has ended")
        return float(answer)

    def _fill(self, stage: Stage) -> None:
        kubectl = self.plane.kubectl
        for name in _NAMESPACES:
            kubectl("create", "namespace", name)
        kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "registry-trust", "namespace": "registry-trust"},
                "data": {"ca.crt": stage.authority.pem},
            },
            _service("registry", ADDRESS),
            _service("bare", _BARE_ADDRESSES[0]),
        )

    def _open_fronts(self, stage: Stage) -> None:
        for address in _BARE_ADDRESSES:
            certificate = stage.authority.issue(dns=[HOST], ips=[address])
            stage.registry.open_front(f"bare-{address}", address=address, certificate=certificate)


def _service(namespace: str, address: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "knative",
            "namespace": namespace,
            "labels": {"registry-node-agent.internal/registry": "true"},
        },
        "spec": {"clusterIP": address, "ports": [{"name": "https", "port": 443}]},
    }
