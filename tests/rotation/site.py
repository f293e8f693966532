"""The whole site: a hub, some nodes, a builder, and the loops that tell whether anything fails."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from tests.ground.closing import Starting
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.realnode.scene import HOST, SHORT_HOST
from tests.rotation.builder import Builder
from tests.rotation.fleet_node import FleetNode
from tests.rotation.hub import Hub
from tests.rotation.loops import Loops

CONTAINERDS = {"node-a": "1.6", "node-b": "1.7", "node-c": "2.2"}
"""The nodes that are there from the beginning, and the runtime of each."""

REPOSITORY = f"{HOST}/app/demo"
IMAGE = f"{REPOSITORY}:v1"


class Site(Starting):
    """The API server, the nodes and the builder run; nobody trusts anything yet."""

    def __init__(
        self, *, containerds: Mapping[str, str] = CONTAINERDS, refresh_seconds: float = 0.0
    ) -> None:
        self._containerds = containerds
        self._refresh_seconds = refresh_seconds
        self._open = ExitStack()
        self.nodes: dict[str, FleetNode] = {}

    def start(self) -> None:
        self.hub = self._open.enter_context(Hub(refresh_seconds=self._refresh_seconds))
        self.kubectl = self.hub.kubectl
        self.builder = self._open.enter_context(Builder(hub=self.hub))
        self.builder.resolve(HOST, SHORT_HOST, address=self.hub.address)
        for name, containerd in self._containerds.items():
            self.join(name, containerd=containerd)

    def close(self) -> None:
        self._open.close()

    @property
    def description(self) -> str:
        """Each node and its runtime."""
        nodes = self.nodes.values()
        return ", ".join(
            f"{node.name} (containerd {node.node.containerd_version})" for node in nodes
        )

    def join(self, name: str, *, containerd: str) -> FleetNode:
        """A further node, whose agent begins."""
        node = FleetNode(hub=self.hub, name=name, containerd=containerd)
        self.nodes[name] = self._open.enter_context(node)
        return node

    def start_registry(self) -> None:
        """What a kubelet does once its Secrets are there; and the first image is pushed."""
        self.hub.start_registry()
        self.builder.wait_until_ready()
        pushed = self.builder.push_text("hello\n", IMAGE)
        if not pushed.ok:
            raise NodeTroubleError(f"the first push: {pushed.error}{self.hub.pod.logs}")

    def add_service(self, name: str) -> None:
        """Another Service for the same registry."""
        service = self.hub.service
        metadata = {key: service["metadata"][key] for key in ("namespace", "labels")}
        spec = {key: service["spec"][key] for key in ("type", "selector", "ports")}
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata | {"name": name},
                "spec": spec,
            }
        )

    def wait_for_anchors(self, *fingerprints: str, seconds: float = 60.0) -> None:
        """Until every node says that it has these CAs for the registry, and no others."""
        wanted = frozenset(fingerprints)

        def all_have() -> bool:
            return all(node.anchors() == wanted for node in self.nodes.values())

        self._wait(all_have, what=f"all nodes have {len(wanted)} CAs", seconds=seconds)

    @contextmanager
    def loops(self, *, pause_seconds: float = 0.0) -> Iterator[Loops]:
        """Pull on every node that is there now, and push, until the end."""
        with Loops(IMAGE, pause_seconds=pause_seconds) as loops:
            for name, node in self.nodes.items():
                loops.pull(on=name, by=node)
            loops.push(self.builder, f"{HOST}/app/built")
            yield loops

    def story(self) -> str:
        """What a person would look at when something is not as it should be."""
        return "\n".join(node.last_words() for node in self.nodes.values())

    def _wait(self, condition: Callable[[], bool], *, what: str, seconds: float) -> None:
        try:
            wait_until(condition, what=what, seconds=seconds)
        except NodeTroubleError as trouble:
            raise NodeTroubleError(f"{trouble}\n{self.story()}") from trouble
