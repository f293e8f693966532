"""One node of the fleet: a network and a root of its own, a containerd, and the agent as a pod."""

import json
import os
import signal
from contextlib import ExitStack

from agent.planning.node_state import TRUST_ANCHORS, read_by_registry
from tests.demo.agent import Agent
from tests.ground import programs
from tests.ground.closing import Closing
from tests.ground.cri import Pull
from tests.ground.kubectl import Object
from tests.ground.node import Node
from tests.rotation.hub import AGENT, Hub

_LABELS = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}


class FleetNode(Closing):
    """It has joined, and its agent runs; it ends with `close`."""

    def __init__(self, *, hub: Hub, name: str, containerd: str) -> None:
        self.name = name
        self._hub = hub
        with ExitStack() as undo:
            self.node = undo.enter_context(
                Node(containerd=programs.containerd(containerd), name=name)
            )
            hub.wires.join(self.node)
            self.node.start_containerd()
            self._register()
            self.agent = self._agent()
            self.agent.start()
            undo.callback(self.agent.stop)
            self._open = undo.pop_all()

    def close(self) -> None:
        """End all of it; its Node and Lease stay, as those of a machine that was switched off."""
        self._open.close()

    def pull(self, image: str) -> Pull:
        """A pull that cannot be answered from what the node has already."""
        self.node.remove_image(image)
        return self.node.pull(image)

    def lease(self) -> Object:
        """What it has told; nothing while it has told nothing."""
        return self._hub.leases.objects.get(f"node-{self.name}", {})

    def anchors(self, service: str = "knative") -> frozenset[str]:
        """The fingerprints of the CAs that it has for that registry, by its Lease."""
        annotations = self.lease().get("metadata", {}).get("annotations", {})
        told = read_by_registry(annotations.get(TRUST_ANCHORS, ""))
        return frozenset(told.get(f"registry/{service}", ()))

    def kill_agent(self) -> None:
        """End its agent in the midst of whatever it does."""
        os.kill(self.agent.pid, signal.SIGKILL)
        self.agent.stop()

    def age_lease(self) -> None:
        """Pretend that its agent has said nothing for a year."""
        spec = json.dumps({"spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}})
        lease = ("lease", f"node-{self.name}", f"--namespace={AGENT}", "--type=merge")
        self._hub.kubectl("patch", *lease, "--patch", spec)

    def report_ready(self, *, ready: bool) -> None:
        """What the API server knows of the node's own health."""
        condition = {"type": "Ready", "status": str(ready), "reason": "Told", "message": ""}
        patch = json.dumps({"status": {"conditions": [condition]}})
        status = ("--subresource=status", "--type=merge", "--patch", patch)
        self._hub.kubectl("patch", "node", self.name, *status)

    def last_words(self) -> str:
        """For whoever has to find out what went wrong."""
        return f"{self.name}: {self.agent.last_words()}"

    def _register(self) -> None:
        metadata = {"name": self.name, "labels": _LABELS}
        self._hub.kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
        self.report_ready(ready=True)

    def _agent(self) -> Agent:
        plane = self._hub.plane
        kubeconfig = plane.write_service_account_kubeconfig(AGENT, AGENT, node=self.name)
        return Agent(
            node=self.node,
            view=f"--kubeconfig={kubeconfig}",
            settings={"NODE_NAME": self.name},
        )
