"""A real API server on the stage's node, with two registry Services, and a hand that patches them.

The hand is a process in the node's network with an open connection, so that the clock starts at the
request itself. A ClusterIP cannot be changed by one patch: the first makes the Service an
ExternalName, which takes its address away, the second gives it another.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

from tests.demo.agent import CLONE, Agent, Python
from tests.demo.stage import ADDRESS, HOST, Stage
from tests.ground.closing import Closing
from tests.ground.cluster_access import ADMIN, ADMINS
from tests.ground.control_plane import API_ADDRESS, API_PORT, ControlPlane
from tests.ground.namespaces import NodeTroubleError

AGENTS, BARE = "registry", "bare"
"""Namespaces: whose Service it is that the agent follows, and the bare process."""
BARE_ADDRESSES = ("10.96.0.60", "10.96.0.87")

_DEPLOYED = CLONE / "deploy/base"
_ACCOUNT = "registry-node-agent"  # its namespace has the same name
_POD = """\
set -e
mount -t tmpfs none /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp "$1"/* /run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"
"""


@contextmanager
def agent_on(stage: Stage, server: "ApiServer") -> Iterator[Agent]:
    """The stage's agent, following the API server as in a pod; in sync when this returns."""
    agent = Agent(node=stage.node, view=None, python=server.as_a_pod(stage.agent.python))
    stage.agent = agent
    agent.start()
    if not agent.await_pass(number=1)["in_sync"]:
        raise NodeTroubleError(f"the agent is not in sync: {agent.last_words()}")
    yield agent
    agent.stop()


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
        self._account = self._make_account(stage)
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

    def as_a_pod(self, python: Python) -> Python:
        """An interpreter that finds what the kubelet gives a pod: token, CA, where the API is."""
        command = ("unshare", "--mount", "sh", "-c", _POD, "sh", str(self._account))
        environment = {
            "KUBERNETES_SERVICE_HOST": API_ADDRESS,
            "KUBERNETES_SERVICE_PORT": str(API_PORT),
        }
        return Python(
            command=(*command, *python.command), environment={**python.environment, **environment}
        )

    def take_address(self, namespace: str) -> None:
        """Make the Service one without a ClusterIP."""
        nowhere = {"type": "ExternalName", "externalName": "nowhere.invalid"}
        self._patch(namespace, {**nowhere, "clusterIP": None, "clusterIPs": None})

    def give_address(self, namespace: str, address: str) -> float:
        """Give it that one; the monotonic time just before the request."""
        somewhere = {"type": "ClusterIP", "externalName": None}
        return self._patch(namespace, {**somewhere, "clusterIP": address})

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
        for name in (AGENTS, BARE, "registry-trust"):
            kubectl("create", "namespace", name)
        for name in ("namespaces", "service-account"):
            kubectl("apply", f"--filename={_DEPLOYED / name}.yaml")
        kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "registry-trust", "namespace": "registry-trust"},
                "data": {"ca.crt": stage.authority.pem},
            },
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": stage.node.name}},
            _service(AGENTS, ADDRESS),
            _service(BARE, BARE_ADDRESSES[0]),
        )

    def _make_account(self, stage: Stage) -> Path:
        """A directory with what the kubelet gives a pod of the DaemonSet on that node."""
        bound = ("--bound-object-kind=Node", f"--bound-object-name={stage.node.name}")
        namespace = f"--namespace={_ACCOUNT}"
        token = self.plane.kubectl("create", "token", _ACCOUNT, namespace, *bound)
        account = self.plane.directory / "account"
        account.mkdir()
        (account / "token").write_text(token.strip())
        (account / "ca.crt").write_text(self.plane.access.authority.pem)
        return account

    def _open_fronts(self, stage: Stage) -> None:
        for address in BARE_ADDRESSES:
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
