"""A whole cluster as users set it up: our manifests, a registry, and pods that want its images."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.planning.node_state import REASON, STATE
from tests.ground import loading
from tests.ground.certificates import Authority
from tests.ground.cluster import Cluster
from tests.ground.image_builder import BuiltImage
from tests.ground.manifests import LABEL
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.manifests.kustomizations import DEPLOY
from tests.realnode.scene import ADDRESS, CERTS_D, HOST, OTHER_ADDRESS, server_in

AGENT = "registry-node-agent"
_ENDPOINTS = {ADDRESS: "192.0.2.50", OTHER_ADDRESS: "192.0.2.51"}
SERVICE = ("service/knative", "--namespace=registry")


class Scene:
    """A running cluster. The agent is not deployed, and nobody listens at a ClusterIP yet."""

    def __init__(self, *, cluster: Cluster, image: BuiltImage) -> None:
        self.cluster = cluster
        self.kubectl = cluster.kubectl
        self.authority = Authority.create(name="cluster registry CA")
        loading.load(image.archive, node=cluster.node)

    def start(self) -> None:
        """The registry serves, Service and bundle are there; only the agent is missing."""
        self.serve("first", address=ADDRESS)
        for namespace in ("registry", "registry-trust"):
            self.kubectl("create", "namespace", namespace)
        self.publish_bundle()
        self.publish_service(address=ADDRESS)

    def converge(self) -> None:
        """`start`, and the agent has done its work."""
        self.start()
        self.deploy()
        self.wait_for_node("ok")

    def serve(self, front: str, *, address: str) -> None:
        """Let the registry listen where that ClusterIP leads to."""
        certificate = self.authority.issue(dns=[HOST], ips=[address])
        endpoint = _ENDPOINTS[address]
        self.cluster.registry.open_front(front, address=endpoint, certificate=certificate)

    def stop_serving(self, front: str, *, address: str) -> None:
        """End that."""
        self.cluster.registry.close_front(front)
        self.cluster.node.remove_address(_ENDPOINTS[address])

    def push(self, repository: str) -> str:
        """Push an image that runs; how pods call it."""
        self.cluster.registry.push_image(loading.sleeper(), repository)
        return f"{HOST}/{repository}:v1"

    def deploy(self) -> None:
        """`kubectl apply -k deploy/`, with the image that `make load` brought."""
        self.kubectl("apply", f"--kustomize={DEPLOY}")

    def publish_bundle(self) -> None:
        """The CA certificate that nodes are to trust."""
        metadata = {"name": "registry-trust", "namespace": "registry-trust"}
        data = {"ca.crt": self.authority.pem}
        self.kubectl.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        )

    def publish_service(self, *, address: str) -> None:
        """The registry's Service with that ClusterIP."""
        port = {"name": "https", "port": 443, "protocol": "TCP"}
        metadata = {"name": "knative", "namespace": "registry", "labels": {LABEL: "true"}}
        spec = {"clusterIP": address, "ports": [port]}
        self.kubectl.apply(
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec},
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": "knative-on-the-node",
                    "namespace": "registry",
                    "labels": {"kubernetes.io/service-name": "knative"},
                },
                "addressType": "IPv4",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP"}],
                "endpoints": [{"addresses": [_ENDPOINTS[address]], "conditions": {"ready": True}}],
            },
        )

    def run_pod(self, name: str, image: str) -> None:
        """Ask for a pod; its image has to be pulled each time."""
        container = {"name": "main", "image": image, "imagePullPolicy": "Always"}
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            }
        )

    def wait_for_pod(self, name: str, *, state: str, seconds: float = 90.0) -> None:
        """Wait until a pod is `Running`, or waits for one of the reasons that hold `state`."""
        what = f"pod {name} is {state}"
        self._wait(lambda: state in self.pod_state(name), what=what, seconds=seconds)

    def pod_state(self, name: str) -> str:
        """`Running`, or why it is not."""
        status = self.kubectl.get("pod", name)["status"]
        waiting: list[Mapping[str, str]] = [
            container["state"].get("waiting", {})
            for container in status.get("containerStatuses", [])
        ]
        if status["phase"] == "Running":
            return "Running"
        return " ".join(item.get("reason", "") for item in waiting)

    def node_state(self) -> tuple[str, str]:
        """State and reason as the node's Lease tells them; empty while there is none."""
        name = f"node-{self.cluster.node.name}"
        found = self.kubectl.call("get", "lease", name, f"--namespace={AGENT}", "--output=json")
        if found.returncode:
            return "", ""
        labels = json.loads(found.stdout)["metadata"].get("labels", {})
        return labels.get(STATE, ""), labels.get(REASON, "")

    def wait_for_node(self, state: str, reason: str = "", *, seconds: float = 60.0) -> None:
        """Wait until the node's Lease tells that."""
        what = f"the node is {state} {reason}".strip()
        self._wait(lambda: self.node_state() == (state, reason), what=what, seconds=seconds)

    def events(self) -> str:
        """What `kubectl describe` shows of the node's Events, one space between words."""
        told = self.kubectl("describe", "node", self.cluster.node.name)
        return " ".join(told.partition("Events:")[2].split())

    def wait_for_event(self, words: str, *, seconds: float = 90.0) -> None:
        """Wait until the node has an Event of that type and reason."""
        self._wait(lambda: words in self.events(), what=f"Event {words}", seconds=seconds)

    @property
    def hosts_file(self) -> Path:
        """What the node's containerd reads about the registry."""
        return self.cluster.node.root / CERTS_D / HOST / "hosts.toml"

    def wait_for_address(self, address: str, *, seconds: float = 60.0) -> None:
        """Wait until the node pulls from that address."""
        what = f"the node pulls from {address}"
        server = f"https://{address}"
        self._wait(lambda: server_in(self.hosts_file) == server, what=what, seconds=seconds)

    def story(self) -> str:
        """What a person would look at when something is not as it should be."""
        looks = (
            ("get", "pods", "--all-namespaces", "--output=wide"),
            ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"),
            ("logs", f"daemonset/{AGENT}", f"--namespace={AGENT}", "--tail=30"),
        )
        done = [self.kubectl.call(*look, "--request-timeout=5s") for look in looks]
        return "\n".join(f"{look.stdout}{look.stderr}" for look in done)

    def _wait(self, condition: Callable[[], bool], *, what: str, seconds: float) -> None:
        try:
            wait_until(condition, what=what, seconds=seconds)
        except NodeTroubleError as trouble:
            raise NodeTroubleError(f"{trouble}\n{self.story()}") from trouble
