"""The whole site: a hub, some nodes, a builder, and the loops that tell whether anything fails."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.ground.closing import Starting
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.realnode.pull_loop import PullLoop, pulling, repeating
from tests.realnode.scene import HOST, SHORT_HOST
from tests.rotation.builder import Builder
from tests.rotation.fleet_node import FleetNode
from tests.rotation.hub import Hub

CONTAINERDS = {"node-a": "1.6", "node-b": "1.7", "node-c": "2.2"}
"""The nodes that are there from the beginning, and the runtime of each."""

REPOSITORY = f"{HOST}/app/demo"
IMAGE = f"{REPOSITORY}:v1"
_PAUSE_SECONDS = 0.1  # between two pushes: nodes pull more often than builders push


@dataclass(frozen=True, kw_only=True)
class Loops:
    """What goes on while something is changed: one loop of pulls for each node, and the pushes."""

    pulls: Mapping[str, PullLoop]
    pushes: PullLoop

    @property
    def errors(self) -> list[str]:
        """All that went wrong, and where."""
        return [f"{loop.name}: {error}" for loop in self.all for error in loop.errors]

    @property
    def all(self) -> Sequence[PullLoop]:
        return (*self.pulls.values(), self.pushes)

    @property
    def pulled(self) -> int:
        """How many pulls have ended, on all nodes together."""
        return sum(len(loop.done) for loop in self.pulls.values())

    def wait_for_more(self, pulls: int, *, seconds: float = 60.0) -> None:
        """Until all nodes together have pulled that often after now, and the builder has pushed."""
        self.pushes.wait_for_more(seconds=seconds)
        until = self.pulled + pulls
        wait_until(lambda: self.pulled >= until, what=f"{pulls} more pulls", seconds=seconds)


class Site(Starting):
    """The API server, the nodes and the builder run; nobody trusts anything yet."""

    def __init__(self, *, containerds: Mapping[str, str] = CONTAINERDS) -> None:
        self._containerds = containerds
        self._open = ExitStack()
        self.nodes: dict[str, FleetNode] = {}

    def start(self) -> None:
        self.hub = self._open.enter_context(Hub())
        self.kubectl = self.hub.kubectl
        self.builder = self._open.enter_context(Builder(hub=self.hub))
        self.builder.resolve(HOST, SHORT_HOST, address=self.hub.address)
        for name, containerd in self._containerds.items():
            self.join(name, containerd=containerd)

    def close(self) -> None:
        self._open.close()

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

    def wait_for_anchors(self, *fingerprints: str, seconds: float = 60.0) -> None:
        """Until every node says that it has these CAs for the registry, and no others."""
        wanted = frozenset(fingerprints)

        def all_have() -> bool:
            return all(node.anchors() == wanted for node in self.nodes.values())

        self._wait(all_have, what=f"all nodes have {len(wanted)} CAs", seconds=seconds)

    @contextmanager
    def loops(self) -> Iterator[Loops]:
        """Pull on every node that is there now, and push, until the end."""
        with ExitStack() as running:
            yield Loops(
                pulls={
                    name: running.enter_context(pulling(node, IMAGE))
                    for name, node in self.nodes.items()
                },
                pushes=running.enter_context(
                    repeating(
                        lambda: self.builder.push(f"{HOST}/app/built"),
                        name="push",
                        pause_seconds=_PAUSE_SECONDS,
                    )
                ),
            )

    def story(self) -> str:
        """What a person would look at when something is not as it should be."""
        return "\n".join(node.last_words() for node in self.nodes.values())

    def _wait(self, condition: Callable[[], bool], *, what: str, seconds: float) -> None:
        try:
            wait_until(condition, what=what, seconds=seconds)
        except NodeTroubleError as trouble:
            raise NodeTroubleError(f"{trouble}\n{self.story()}") from trouble
