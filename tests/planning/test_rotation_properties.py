"""Whatever happens, in whatever order: a node that is there can verify what is served."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.planning.trust_model import Keyring, Published
from tests.planning.trust_worlds import LIFETIMES, Node, TrustWorld, reached

NODES = ("a", "b", "c")
NAMESPACES = ("registry", "builds", "more")
SOME_MINUTES = st.integers(1, 60)


@dataclass(frozen=True)
class Reader:
    """Somebody who read the bundle once, and goes by that: a controller, a builder."""

    anchors: frozenset[str]
    began: datetime


class Rotation(RuleBasedStateMachine):
    """Time passes, nodes come and go and read late, the controller is killed at any step."""

    holds = False

    def __init__(self) -> None:
        super().__init__()
        self.world = TrustWorld(holds=self.holds)
        self.numbers = count(2)
        self.readers: list[Reader] = []

    @initialize()
    def begin(self) -> None:
        self.world.allow("registry")
        for name in NODES:
            self.a_node_joins(name)
        self.world.control()

    @rule(minutes=SOME_MINUTES)
    def time_passes(self, minutes: int) -> None:
        for _ in range(minutes):
            self.world.minute(controlled=True)
            self.check()

    @rule(minutes=SOME_MINUTES)
    def the_controller_is_away(self, minutes: int) -> None:
        for _ in range(minutes):
            self.world.minute(controlled=False)
            self.check()
        self.time_passes(1)

    @rule(hours=st.integers(5, 30))
    def much_time_passes(self, hours: int) -> None:
        self.time_passes(hours * 60)

    @rule(steps=st.integers(1, 3))
    def the_controller_is_killed_after(self, steps: int) -> None:
        self.world.control(most_steps=steps)

    @rule(name=st.sampled_from(NODES))
    def a_node_reads(self, name: str) -> None:
        if not self.world.nodes[name].is_silent:
            self.world.read(name)

    @rule(name=st.sampled_from(NODES))
    def a_node_falls_silent(self, name: str) -> None:
        self.world.nodes[name].is_silent = True

    @rule(name=st.sampled_from(NODES))
    def a_node_comes_back(self, name: str) -> None:
        self.world.nodes[name].is_silent = False
        self.world.read(name)

    @rule(name=st.sampled_from(NODES))
    def a_node_joins(self, name: str) -> None:
        """With nothing; an old one of the name is gone."""
        self.world.nodes[name] = Node(read_at=self.world.now)

    @rule(namespace=st.sampled_from(NAMESPACES))
    def a_namespace_is_allowed(self, namespace: str) -> None:
        if namespace not in self.world.allowed:
            self.world.allow(namespace)

    @rule(namespace=st.sampled_from(NAMESPACES))
    def a_service_is_added(self, namespace: str) -> None:
        if namespace in self.world.allowed:
            self.world.services[namespace].append(reached(namespace, next(self.numbers) % 250))

    @rule(namespace=st.sampled_from(NAMESPACES))
    def a_certificate_is_deleted(self, namespace: str) -> None:
        self.world.secrets.pop(namespace, None)

    @rule()
    def somebody_reads_the_bundle_once(self) -> None:
        self.readers.append(Reader(self.world.published.anchors, self.world.now))

    def check(self) -> None:
        """Every node that is there and has read, and whoever read not too long ago."""
        world = self.world
        for name, node in world.nodes.items():
            if self.is_checked(node):
                self.check_pulls(f"node {name}", node.anchors)
        if world.retired_early:
            self.readers.clear()  # the price of a namespace that was allowed soon after another
            world.retired_early = False
        for reader in self.readers:
            if world.now < reader.began + LIFETIMES.certificate:
                self.check_pulls("who read it once", reader.anchors)

    def is_checked(self, node: Node) -> bool:
        """Whether a node has to be able to pull."""
        return bool(node.anchors) and not node.is_silent

    def check_pulls(self, who: str, anchors: frozenset[str]) -> None:
        world = self.world
        for namespace, chain in world.pods.items():
            assert chain.verifies(anchors, world.now), (
                f"{who} cannot verify {namespace}, after {world.steps[-6:]}"
            )


class MeddledRotation(Rotation):
    """Keys are lost or get into strange hands, the bundle is deleted. Nodes hold, as agents do."""

    holds = True

    @rule()
    def the_keys_are_lost(self) -> None:
        self.readers.clear()
        self.world.ring = Keyring()

    @rule()
    @precondition(lambda self: self.world.ring.current is not None)
    def the_keys_are_in_strange_hands(self) -> None:
        self.readers.clear()
        self.world.ring = replace(self.world.ring, demanded_at=self.world.now)

    @rule()
    def the_bundle_is_deleted(self) -> None:
        """Unknown is not absent: nodes keep what they have."""
        self.world.published = Published()

    @invariant()
    def all_may_be_lost(self) -> None:
        """Then nothing tells that there has ever been anything."""
        world = self.world
        if not (world.ring.anchors or world.published.anchors or world.secrets):
            world.pods.clear()
            for node in world.nodes.values():
                node.has_worked = False

    def check(self) -> None:
        """Where keys were lost, a certificate may expire before all nodes know a new CA."""
        world = self.world
        self.readers.clear()
        if any(chain.leaf.not_after <= world.now for chain in world.pods.values()):
            for node in world.nodes.values():
                node.has_worked = False  # until it has the CA of the next certificate
        for node in world.nodes.values():
            node.has_worked |= bool(world.pods) and world.verifies(node.anchors)
        super().check()

    def is_checked(self, node: Node) -> bool:
        """What has never worked cannot be broken: the bundle it joined by may have been without."""
        return node.has_worked and super().is_checked(node)


TestRotation = Rotation.TestCase
TestMeddledRotation = MeddledRotation.TestCase
TestRotation.settings = TestMeddledRotation.settings = settings(
    max_examples=40,
    stateful_step_count=25,  # of up to 20,000 minutes each
)
