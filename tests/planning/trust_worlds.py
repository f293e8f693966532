"""A cluster small enough to think about: CAs that are numbers, nodes that read late, pods that lag.

What the controller's steps do to it is written down here once more, in the simplest way, so that a
property can be broken by what planning decides and by nothing else.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address
from typing import assert_never

from agent.planning.barrier import Barrier, judge_barrier
from agent.planning.fleet import Fleet, LeaseRecord, NodeRecord, fleet_of
from agent.planning.node_selection import Selection
from agent.planning.rotation import TrustView, next_step
from agent.planning.trust_model import (
    BACKDATE,
    Authority,
    Constraints,
    Keyring,
    Leaf,
    Lifetimes,
    Published,
    Reached,
    Role,
    Serving,
)
from agent.planning.trust_steps import (
    IssueLeaf,
    MakeAuthority,
    PublishAnchors,
    RetirePrevious,
    SwitchAuthority,
    TrustStep,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIFETIMES = Lifetimes(
    authority=1500 * MINUTE,
    certificate=300 * MINUTE,
    soak=10 * MINUTE,
    patience=60 * MINUTE,
    refresh=2 * MINUTE,
    haste=5 * MINUTE,
)
READS_EVERY = 4 * MINUTE
"""How old at most what a node that is there has read can be."""


@dataclass(kw_only=True)
class Node:
    """What one node has: the anchors it read last, and whether it is heard of."""

    anchors: frozenset[str] = frozenset()
    is_silent: bool = False
    read_at: datetime = BEGIN
    has_worked: bool = False


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What a registry shows: its certificate, and whose signature the cross-signed CA has."""

    leaf: Leaf
    cross: Authority | None
    signer: Authority

    def verifies(self, anchors: frozenset[str], now: datetime) -> bool:
        """Whether somebody who trusts these would take it."""
        if self.leaf.not_after <= now:
            return False
        direct = self.signer.sha256 in anchors and self.signer.not_after > now
        return direct or (
            self.cross is not None and self.cross.sha256 in anchors and self.cross.not_after > now
        )


@dataclass(kw_only=True)
class TrustWorld:
    """Objects of the API server, nodes, and pods that read their Secret up to `refresh` late."""

    now: datetime = BEGIN
    ring: Keyring = field(default_factory=Keyring)
    published: Published = field(default_factory=Published)
    services: dict[str, list[Reached]] = field(default_factory=dict)
    allowed: set[str] = field(default_factory=set)
    secrets: dict[str, tuple[Chain, datetime]] = field(default_factory=dict)
    pods: dict[str, Chain] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    made: dict[str, Authority] = field(default_factory=dict)
    crosser: Authority | None = None
    steps: list[TrustStep] = field(default_factory=list)
    holds: bool = False
    retired_early: bool = False

    def allow(self, namespace: str) -> None:
        """Let a namespace have registries, with one to begin with."""
        self.allowed.add(namespace)
        self.services.setdefault(namespace, []).append(reached(namespace, 1))

    @property
    def view(self) -> TrustView:
        """As the controller sees it."""
        names = {f"{name}.svc" for name in self.allowed}
        servings = [self._serving(namespace) for namespace in sorted(self.services)]
        return TrustView(
            ring=self.ring,
            published=self.published,
            wanted=Constraints(names=frozenset(names)),
            servings=tuple(servings),
        )

    @property
    def barrier(self) -> Barrier | None:
        """What the nodes' Leases say of the next CA."""
        coming, since = self.ring.next, self.published.since
        if coming is None or since is None:
            return None
        return judge_barrier(
            self._fleet(),
            anchor=coming.sha256,
            registries=frozenset({"registry/knative"}),
            since=since,
            patience=LIFETIMES.haste if self.ring.demanded_at else LIFETIMES.patience,
        )

    def control(self, *, most_steps: int = 50) -> None:
        """Let the controller do what it would, until there is nothing to do or it is killed."""
        for _ in range(most_steps):
            barrier = self.barrier
            step = next_step(
                self.view,
                acknowledged=barrier is not None and barrier.passed,
                now=self.now,
                lifetimes=LIFETIMES,
            )
            if step is None:
                return
            self.steps.append(step)
            self._do(step)
        assert most_steps < 50, f"there is no end to it: {self.steps[-6:]}"

    def read(self, name: str) -> None:
        """Let a node read the bundle; it has what it read, as its Lease then says.

        With `holds` it is a careful one: it keeps what works rather than take what does not.
        """
        node = self.nodes[name]
        node.read_at = self.now
        news = self.published.anchors - self.published.revoked
        revoked = node.anchors & self.published.revoked
        is_worse = self.verifies(node.anchors) and not self.verifies(news)
        if news and not (self.holds and is_worse and not revoked):
            node.anchors = news

    def verifies(self, anchors: frozenset[str]) -> bool:
        """Whether somebody who trusts these can pull from every registry."""
        return all(chain.verifies(anchors, self.now) for chain in self.pods.values())

    def minute(self, *, controlled: bool) -> None:
        """A minute goes by: whoever must have read by now has."""
        self.now += MINUTE
        for namespace, (chain, written_at) in self.secrets.items():
            if self.now >= written_at + LIFETIMES.refresh:
                self.pods[namespace] = chain
        for name, node in self.nodes.items():
            if not node.is_silent and self.now >= node.read_at + READS_EVERY:
                self.read(name)
        if controlled:
            self.control()

    def _fleet(self) -> Fleet:
        leases = [
            LeaseRecord(
                node=name,
                state="ok",
                anchors={"registry/knative": tuple(node.anchors)} if node.anchors else {},
                renewed=self.now - timedelta(days=1) if node.is_silent else self.now,
            )
            for name, node in self.nodes.items()
        ]
        nodes = [NodeRecord(name=name, ready=True) for name in self.nodes]
        return fleet_of(leases=leases, nodes=nodes, selections=[Selection()], now=self.now)

    def _serving(self, namespace: str) -> Serving:
        chain, written_at = self.secrets.get(namespace, (None, None))
        leaf = chain.leaf if chain else None
        if leaf is not None and leaf.signer not in self.ring.anchors:
            leaf = replace(leaf, signer="")  # as one whose CA is not on the ring is read
        return Serving(
            namespace=namespace,
            services=tuple(self.services[namespace]),
            leaf=leaf,
            written_at=written_at,
        )

    def _do(self, step: TrustStep) -> None:
        ring = self.ring
        match step:
            case MakeAuthority(role=role, constraints=constraints, orphans=orphans):
                made = self._authority(constraints)
                lost = tuple(self.made[sha] for sha in sorted(orphans))
                given_up = (ring.next,) if ring.next else ()
                self.ring = replace(
                    ring,
                    current=made if role is Role.CURRENT else ring.current,
                    next=made if role is Role.NEXT else None,
                    previous=(*ring.previous, *lost, *given_up),
                    switched_at=self.now if role is Role.CURRENT else ring.switched_at,
                    compromised=ring.compromised | {old.sha256 for old in given_up},
                )
            case SwitchAuthority(cross=cross):
                old = (ring.current,) if ring.current else ()
                marked = {item.sha256 for item in old} if ring.demanded_at else set[str]()
                self.crosser = ring.current if cross else None
                self.ring = replace(
                    ring,
                    current=ring.next,
                    next=None,
                    previous=(*ring.previous, *old),
                    crossed=cross,
                    switched_at=self.now,
                    demanded_at=None,
                    compromised=ring.compromised | marked,
                )
            case RetirePrevious():
                revoked = tuple(i for i in ring.previous if i.sha256 in ring.compromised)
                since = ring.switched_at or self.now
                self.retired_early |= self.now < since + LIFETIMES.certificate
                self.crosser = None
                self.ring = replace(
                    ring,
                    previous=(),
                    crossed=False,
                    compromised=frozenset(),
                    revoked=(*ring.revoked, *revoked),
                )
            case PublishAnchors(anchors=anchors, revoked=revoked_now):
                since = (
                    self.published.since if anchors == self.published.anchors else None
                ) or self.now
                self.published = Published(anchors=anchors, revoked=revoked_now, since=since)
            case IssueLeaf():
                self.secrets[step.namespace] = (self._chain(step), self.now)
            case _:
                assert_never(step)

    def _authority(self, constraints: Constraints) -> Authority:
        made = Authority(
            sha256=sha256(str(len(self.made)).encode()).hexdigest(),
            not_before=self.now - BACKDATE,
            not_after=self.now + LIFETIMES.authority,
            constraints=constraints,
        )
        self.made[made.sha256] = made
        return made

    def _chain(self, step: IssueLeaf) -> Chain:
        signer = self.ring.current
        assert signer is not None, "a certificate without a CA"
        leaf = Leaf(
            signer=signer.sha256,
            names=step.names,
            addresses=step.addresses,
            not_before=self.now - BACKDATE,
            not_after=min(self.now + LIFETIMES.certificate, signer.not_after),
            crossed=self.ring.crossed,
        )
        return Chain(leaf=leaf, cross=self.crosser, signer=signer)


def reached(namespace: str, number: int) -> Reached:
    """The numbered Service of a namespace."""
    return Reached(
        names=frozenset({f"s{number}.{namespace}.svc"}),
        addresses=frozenset({IPv4Address(f"10.96.0.{number}")}),
    )
