"""Where everything is that nodes talk to: the API server, and the registry of `deploy/`."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from tests.ground import programs
from tests.ground.closing import Starting
from tests.ground.control_plane import API_ADDRESS, API_PORT, ControlPlane
from tests.ground.kubectl import Object
from tests.ground.node import Node
from tests.ground.volumes import Bring, Followed, Source
from tests.ground.watched import Watched
from tests.ground.wires import Wires
from tests.manifests.kustomizations import DEPLOY
from tests.manifests.registry_pod import PORT, RegistryPod

AGENT = "registry-node-agent"
"""The agent's namespace and service account."""

_VOLUMES = {"certificate": "registry-tls", "push": "registry-push"}
"""The Secrets of the registry's pod, by the names of their volumes."""


class Hub(Starting):
    """`kubectl apply -k deploy/` has been done, and the registry's pod waits for its Secrets."""

    def __init__(self, *, containerd: str = "2.1", refresh_seconds: float = 0.0) -> None:
        """Nothing runs yet. The containerd is none that runs: every node has one.

        `refresh_seconds` is how much later the pod has a Secret's new content, unless it changes.
        """
        self._refresh_seconds = refresh_seconds
        self.node = Node(containerd=programs.containerd(containerd), name="hub")
        self._open = ExitStack()
        self._open.callback(self.node.close)
        with self._open:  # a program may be missing
            self._furnish()
            self._open = self._open.pop_all()

    def start(self) -> None:
        """Start the API server, and deploy; the registry is not started."""
        self.plane.start()
        self.kubectl("apply", f"--kustomize={DEPLOY}")
        self.leases = self.watch("leases", f"--namespace={AGENT}")
        self.trust_leases = self.watch("leases", "--namespace=registry-trust")
        self.trust_secrets = self.watch("secrets", "--namespace=registry-trust")
        self.volumes = {name: self._follow(name, secret) for name, secret in _VOLUMES.items()}
        self._make_pod()
        self.watch("pods", "--namespace=registry", tell=self._hurry)

    def close(self) -> None:
        """End everything."""
        self._open.close()

    def start_registry(self) -> None:
        """Start the registry's pod as soon as its Secrets are there, as a kubelet does."""
        for volume in self.volumes.values():
            volume.wait_until_there()
        self.pod.start()

    @property
    def service(self) -> Object:
        """The registry's Service."""
        return self.kubectl.get("service/knative", "--namespace=registry")

    @property
    def address(self) -> str:
        """Its ClusterIP."""
        return str(self.service["spec"]["clusterIP"])

    def watch(self, *arguments: str, tell: Callable[[Object], None] | None = None) -> Watched:
        """Objects as they are now, for as long as the hub runs."""
        return self._open.enter_context(
            Watched(*arguments, node=self.node, kubectl=self.kubectl, tell=tell)
        )

    def follow(self, source: Source, *, bring: Bring, delay_seconds: float = 0.0) -> Followed:
        """Keep a volume as its object is."""
        return self._open.enter_context(
            Followed(
                source,
                node=self.node,
                kubectl=self.kubectl,
                bring=bring,
                delay_seconds=delay_seconds,
            )
        )

    def _follow(self, volume: str, secret: str) -> Followed:
        def bring(content: Mapping[str, str]) -> None:
            self.pod.write_secret(volume, content)

        source = Source(kind="secrets", namespace="registry", name=secret)
        return self.follow(source, bring=bring, delay_seconds=self._refresh_seconds)

    def _make_pod(self) -> None:
        """What the Deployment's controller would make, so that somebody can write onto it."""
        template = self.kubectl.get("deployment/registry", "--namespace=registry")["spec"][
            "template"
        ]
        place = {"namespace": "registry"}
        self.kubectl.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place | {"name": "default"}},
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": place
                | {"name": "registry-0", "labels": template["metadata"]["labels"]},
                "spec": template["spec"] | {"nodeName": self.node.name},
            },
        )

    def _hurry(self, _pod: Object) -> None:
        for volume in self.volumes.values():
            volume.hurry()

    def _furnish(self) -> None:
        self.wires = Wires(hub=self.node, port=PORT)
        directory = self.node.root / "run/control-plane"
        directory.mkdir()
        self.plane = ControlPlane(
            place=self.node, directory=directory, address=API_ADDRESS, port=API_PORT
        )
        self._open.callback(self.plane.close)
        self.kubectl = self.plane.kubectl
        self.pod = RegistryPod(node=self.node)
        self._open.callback(self.pod.close)
