"""The usual scene on a node with CRI-O: a registry with one image, manifests, and the agent."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from tests.ground import crio
from tests.ground.cri import Pull
from tests.ground.crio import CERTIFICATES, DROP_INS, Crio
from tests.ground.node import Node
from tests.ground.programs import Program
from tests.ground.registry import Registry
from tests.ground.snapshot import Entry
from tests.ground.unit_bus import UnitBus
from tests.missing_programs import found_or_skipped
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.scene import IMAGE, Scene

DROP_IN = f"{DROP_INS}/50-registry-node-agent.conf"
WATCHING = "auto_reload_registries = true\n"


class CrioScene(Scene):
    """One node whose runtime is CRI-O; its containerd never starts."""

    def __init__(self, *, node: Node, registry: Registry, runtime: Crio, bus: UnitBus) -> None:
        super().__init__(node=node, registry=registry)
        self.runtime = runtime
        self.bus = bus

    def pull(self, image: str = IMAGE) -> Pull:
        """A pull that cannot be answered from what the node has already."""
        return self.runtime.pull(image)

    def drop_in(self) -> str:
        """Our drop-in; empty when there is none."""
        place = self.node.root / DROP_IN
        return place.read_text() if place.exists() else ""

    def authorities(self) -> set[str]:
        """The `address:port` of each directory of certificates."""
        place = self.node.root / CERTIFICATES
        return {path.name for path in place.iterdir()} if place.exists() else set()


@contextmanager
def crio_scene(
    version: str, *, image: str = "", tools: Sequence[Program] = ()
) -> Iterator[CrioScene]:
    """A node whose CRI-O has started, and a bus by which it is reloaded as its unit would.

    The registry serves, and the Service and the bundle are published.
    """
    own = found_or_skipped(f"CRI-O {version}", partial(crio.tools, version))
    others = [tool for tool in tools if tool not in own]
    with ExitStack() as stack:
        node = stack.enter_context(
            Node(containerd=containerd_or_skip("2.1"), tools=[*own, *others])
        )
        registry = stack.enter_context(Registry(node=node))
        runtime = stack.enter_context(Crio(node, version))
        runtime.furnish(image=image)
        runtime.start()
        bus = stack.enter_context(
            UnitBus(
                root=node.root,
                pid=lambda: runtime.pid_on_node,
                reload=lambda: runtime.process.send_signal(signal.SIGHUP),
            )
        )
        scene = CrioScene(node=node, registry=registry, runtime=runtime, bus=bus)
        scene.serve()
        scene.ask_for()
        yield scene


def files_in(scene: CrioScene, places: tuple[str, ...]) -> Mapping[str, Entry]:
    """What stands on the node at these places, byte for byte."""
    found = scene.node.snapshot()
    return {path: entry for path, entry in found.items() if path.startswith(places)}
