"""What trust bootstrapping does next: one step, from what is there, whoever did what came before.

A CA is published long before it signs, and stays published until nothing it signed can be served:
so a node that reads the bundle can verify the registry at every moment. The order is

    make the next CA -> publish it -> every node has it, and a while -> switch -> new certificates
    (with the new CA signed by the old, for those who read the bundle once) -> retire the old CA

and it can be left and taken up again between any two steps. A CA whose Secret was lost cannot sign
its successor; the nodes still get the new one before it signs. Where keys may be in strange hands,
nothing waits longer than it must, and the old CA is revoked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from agent.planning.serving_certificate import (
    may_serve,
    waits_for_retirement,
    wanted,
    why_anew,
)
from agent.planning.trust_model import (
    Authority,
    Constraints,
    Keyring,
    Lifetimes,
    Published,
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


class Phase(StrEnum):
    """Where a rotation is. `switched` ends when the old CA is retired."""

    NONE = "none"
    STEADY = "steady"
    STAGED = "staged"
    SWITCHED = "switched"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustView:
    """All that is decided from. `wanted` is what a CA has to be allowed to sign for."""

    ring: Keyring
    published: Published
    wanted: Constraints
    servings: tuple[Serving, ...] = ()

    @property
    def phase(self) -> Phase:
        """Where the rotation is."""
        if self.ring.next is not None:
            return Phase.STAGED
        if self.ring.current is None:
            return Phase.NONE
        return Phase.SWITCHED if self.ring.previous else Phase.STEADY


def next_step(
    view: TrustView, *, acknowledged: bool, now: datetime, lifetimes: Lifetimes
) -> TrustStep | None:
    """The one step that comes next; None while there is nothing to do.

    `acknowledged` tells whether every node that counts has the next CA.
    """
    steps = (
        _first_authority(view, now),
        _publication(view),
        _fresh_keys(view),
        next(_leaves(view, now), None),
        _switch(view, acknowledged=acknowledged, now=now, lifetimes=lifetimes),
        _retirement(view, now=now, lifetimes=lifetimes),
        _rotation(view, now),
    )
    return next((step for step in steps if step is not None), None)


def soaked_at(view: TrustView, lifetimes: Lifetimes) -> datetime | None:
    """When the next CA will have been published for long enough; None while it is not at all."""
    ring, published = view.ring, view.published
    if ring.next is None or ring.next.sha256 not in published.anchors or published.since is None:
        return None
    return published.since + (timedelta() if ring.demanded_at else lifetimes.soak)


def _first_authority(view: TrustView, now: datetime) -> TrustStep | None:
    """Where there is no key at all. What is trusted or served already must go on to work."""
    ring = view.ring
    if ring.current is not None or ring.next is not None:
        return None
    served = any(serving.leaf and serving.leaf.not_after > now for serving in view.servings)
    role = Role.NEXT if view.published.anchors or served else Role.CURRENT
    return MakeAuthority(role=role, constraints=view.wanted, orphans=view.published.anchors)


def _publication(view: TrustView) -> TrustStep | None:
    anchors = view.ring.anchors
    revoked = frozenset(authority.sha256 for authority in view.ring.revoked)
    if (view.published.anchors, view.published.revoked) == (anchors, revoked):
        return None
    return PublishAnchors(anchors=anchors, revoked=revoked)


def _fresh_keys(view: TrustView) -> TrustStep | None:
    """A next CA that is older than the demand for new keys is no answer to it."""
    demanded_at, coming = view.ring.demanded_at, view.ring.next
    if demanded_at is None or (coming is not None and coming.made_at >= demanded_at):
        return None
    return MakeAuthority(role=Role.NEXT, constraints=view.wanted)


def _switch(
    view: TrustView, *, acknowledged: bool, now: datetime, lifetimes: Lifetimes
) -> TrustStep | None:
    ring, soaked = view.ring, soaked_at(view, lifetimes)
    if soaked is None:
        return None
    ready = (acknowledged and now >= soaked) or not _may_work(view, now)
    return (
        SwitchAuthority(cross=ring.current is not None and not ring.demanded_at) if ready else None
    )


def _may_work(view: TrustView, now: datetime) -> bool:
    """Whether a pull can work now: else there is nothing to wait for.

    A pod goes on to serve the certificate of a Secret that was deleted.
    """
    leaves = [serving.leaf for serving in view.servings]
    return any(leaf is None or leaf.not_after > now for leaf in leaves)


def _leaves(view: TrustView, now: datetime) -> Iterator[TrustStep]:
    ring, current = view.ring, view.ring.current
    if current is None or current.not_after <= now:
        return
    for serving in view.servings:
        due = wanted(serving, ring=ring, current=current, now=now)
        why = why_anew(serving, ring=ring, current=current, now=now)
        if why and due.names:
            yield IssueLeaf(
                namespace=serving.namespace, names=due.names, addresses=due.addresses, why=why
            )


def _retirement(view: TrustView, *, now: datetime, lifetimes: Lifetimes) -> TrustStep | None:
    """When nothing that the previous CAs signed can still be served."""
    ring, current = view.ring, view.ring.current
    if not ring.previous or current is None or ring.switched_at is None:
        return None
    old = frozenset(authority.sha256 for authority in ring.previous)
    for serving in view.servings:
        if may_serve(old, serving, now=now, refresh=lifetimes.refresh):
            return None
    if ring.compromised or ring.demanded_at is not None:
        due = ring.switched_at + lifetimes.refresh
    elif _waits(view, current, now):
        due = ring.switched_at + lifetimes.soak
    else:
        due = ring.switched_at + lifetimes.certificate
    expired = all(authority.not_after <= now for authority in ring.previous)
    return RetirePrevious() if expired or now >= due else None


def _waits(view: TrustView, current: Authority, now: datetime) -> bool:
    """Whether there is a namespace or a Service that has to wait until there is one CA only."""
    return _is_too_narrow(current.constraints, view) or any(
        waits_for_retirement(serving, ring=view.ring, current=current, now=now)
        for serving in view.servings
    )


def _rotation(view: TrustView, now: datetime) -> TrustStep | None:
    """A successor for a CA that is half through its life, or may not sign for what is wanted."""
    ring = view.ring
    if ring.next is not None or ring.previous or ring.current is None:
        return None
    if now < ring.current.half_life and not _is_too_narrow(ring.current.constraints, view):
        return None
    return MakeAuthority(role=Role.NEXT, constraints=view.wanted)


def _is_too_narrow(constraints: Constraints, view: TrustView) -> bool:
    """Whether there is something to sign for that a CA with these may not sign for."""
    return not constraints.cover(view.wanted) or any(
        view.wanted.allow(names=service.names, addresses=service.addresses)
        and not constraints.allow(names=service.names, addresses=service.addresses)
        for serving in view.servings
        for service in serving.services
    )
