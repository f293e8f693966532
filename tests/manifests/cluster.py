"""A real control plane with two Nodes and the whole of `deploy/` on it; the Nodes run nothing.

Its controllers make the DaemonSet's pods and the scheduler places them, so that the tokens are
bound to the same objects as they are on any cluster.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from agent.cluster.api import Api
from agent.cluster.connection import Connection, Kubeconfig
from agent.cluster.objects import Document
from tests.cluster.kube_access import api_over
from tests.ground import control_plane
from tests.ground.control_plane import ControlPlane
from tests.ground.controllers import Controllers
from tests.ground.kubectl import Kubectl
from tests.ground.namespaces import wait_until
from tests.manifests.kustomizations import DEPLOY

AGENT = "registry-node-agent"
"""The name of the namespace, the DaemonSet and the service account."""

TURNS = "registry-node-agent-turns"
FOREIGN_KINDS = {
    "Certificate": ("cert-manager.io", "Namespaced"),
    "PodMonitor": ("monitoring.coreos.com", "Namespaced"),
    "PrometheusRule": ("monitoring.coreos.com", "Namespaced"),
    "SecurityContextConstraints": ("security.openshift.io", "Cluster"),
}
OWN, OTHER = "node-a", "node-b"


class AgentApi(Api):
    """The agent's own client, and the one verb more that whoever stole its token would try."""

    def update(self, path: str, body: Document) -> Document:
        """PUT: the object as it is now."""
        return self._call("PUT", path, body=body)


class Cluster:
    """The control plane, and the agent's identity on each Node."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.kubectl = plane.kubectl

    def add_node(self, name: str, **labels: str) -> None:
        """A Node as a kubelet would report it."""
        usual = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        metadata = {"name": name, "labels": usual | labels}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
        room = {"cpu": "2", "memory": "4Gi", "pods": "20"}
        status = {"allocatable": room, "capacity": room}
        patch = json.dumps({"status": status})
        self.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", patch)

    def learn_foreign_kinds(self) -> None:
        """The kinds of other projects in `deploy/`, though not what may be in their objects."""
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {"name": "v1", "served": True, "storage": True}
        for kind, (group, scope) in FOREIGN_KINDS.items():
            plural = kind.lower() if kind.endswith("s") else f"{kind.lower()}s"
            spec = {
                "group": group,
                "scope": scope,
                "names": {"kind": kind, "plural": plural},
                "versions": [{**version, "schema": {"openAPIV3Schema": anything}}],
            }
            self.kubectl.apply(
                {
                    "apiVersion": "apiextensions.k8s.io/v1",
                    "kind": "CustomResourceDefinition",
                    "metadata": {"name": f"{plural}.{group}"},
                    "spec": spec,
                }
            )
            self.kubectl("wait", f"crd/{plural}.{group}", "--for=condition=Established")

    def pod_on(self, node: str) -> str:
        """The name of the agent's pod there, once there is one."""

        def find() -> str:
            pods = self.kubectl.get("pods", f"--namespace={AGENT}")["items"]
            on_node = (pod for pod in pods if pod["spec"].get("nodeName") == node)
            return next((str(pod["metadata"]["name"]) for pod in on_node), "")

        return wait_until(find, what=f"the agent's pod is on {node}")

    def wait_for_fences(self) -> None:
        """Until the API server has taken up the admission policies, a moment after the apply."""
        wait_until(self._is_fenced, what="the fences are up")

    def _is_fenced(self) -> bool:
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "eventTime": "2026-11-22T10:00:00.000000Z",
            "action": "Tried",
            "reason": "Tried",
            "type": "Normal",
            "reportingController": AGENT,
            "reportingInstance": AGENT,
        }
        file = self.plane.directory / "forbidden.json"
        for thing, namespace in ((lease, AGENT), (event, "default")):
            metadata = {"name": "forbidden", "namespace": namespace}
            file.write_text(json.dumps({**thing, "metadata": metadata}))
            tried = self.as_agent().call("create", "--dry-run=server", f"--filename={file}")
            if "ValidatingAdmissionPolicy" not in tried.stderr:
                return False
        return True

    def agent_kubeconfig(self, node: str) -> Path:
        """What the kubelet gives to the agent's pod on a Node; "" is for a token of no pod."""
        bound = [f"--bound-object-name={self.pod_on(node)}"] if node else []
        kind = ["--bound-object-kind=Pod"] if node else []
        token = self.kubectl("create", "token", AGENT, f"--namespace={AGENT}", *kind, *bound)
        path = self.plane.directory / f"agent-{node or 'nowhere'}.kubeconfig"
        path.write_text(self.plane.access.kubeconfig_with_token(token.strip()))
        return path

    def as_agent(self, node: str = OWN) -> Kubectl:
        """kubectl as the agent of a Node."""
        return Kubectl(place=self.plane.place, kubeconfig=self.agent_kubeconfig(node))

    @contextmanager
    def api_as(self, node: str) -> Iterator[AgentApi]:
        """The agent's own client, as the agent of a Node."""
        access = Kubeconfig(self.agent_kubeconfig(node))
        connection = Connection(access, user_agent="registry-node-agent/test")
        try:
            yield AgentApi(connection)
        finally:
            connection.close()

    def api_as_nobody(self) -> AbstractContextManager[Api]:
        """The same client, as a service account to which nobody gave any right."""
        return api_over(
            Kubeconfig(self.plane.write_service_account_kubeconfig("default", "default"))
        )


@contextmanager
def deployed() -> Iterator[Cluster]:
    """As after `kubectl apply -k deploy/` on a cluster of two Nodes."""
    with control_plane.on_machine() as plane, Controllers(plane):
        cluster = Cluster(plane)
        for node in (OWN, OTHER):
            cluster.add_node(node)
        cluster.learn_foreign_kinds()
        cluster.kubectl("apply", f"--kustomize={DEPLOY}")
        cluster.wait_for_fences()
        yield cluster
