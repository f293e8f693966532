"""The trust controller's pass: look at everything, do the one next step, look again.

What it knows is in the cluster's own objects, so it can be killed between any two writes and
another can go on. Every write names what was seen before it: whoever was quicker wins, and the
other looks again.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Protocol, assert_never

from agent.errors import BadInput, ChangedMeanwhile, ClusterTrouble, Problem
from agent.issuer import keyring
from agent.issuer.look import Looking, Seen
from agent.issuer.serving_secret import with_certificate
from agent.planning.barrier import Barrier, judge_barrier
from agent.planning.fleet import Fleet
from agent.planning.published_bundle import anchors_in, fingerprint, is_published
from agent.planning.rotation import next_step
from agent.planning.stored_objects import ConfigMapObject
from agent.planning.trust_model import Lifetimes
from agent.planning.trust_report import TrustReport
from agent.planning.trust_steps import (
    IssueLeaf,
    MakeAuthority,
    PublishAnchors,
    RetirePrevious,
    SwitchAuthority,
    TrustStep,
)
from agent.ports import Clock
from agent.trust_ports import FleetReading, Objects

MOST_STEPS = 32
"""In one pass. There are about ten in a rotation, and one for each namespace."""

FLEET_SHARE = 10
"""The nodes are read again after ten times as long as that took: it may be 75 MB."""


class Duty(Protocol):
    """Something that has to be so besides the CA, its bundle and the serving certificates."""

    def settle(self, seen: Seen) -> tuple[Problem, ...]:
        """Let it be so. Raises ClusterTrouble, BadInput and ChangedMeanwhile."""
        ...


class Controller:
    """Issues, publishes and rotates. One thread at a time."""

    def __init__(
        self,
        *,
        looking: Looking,
        objects: Objects,
        fleet: FleetReading,
        clock: Clock,
        lifetimes: Lifetimes,
        duties: Sequence[Duty] = (),
    ) -> None:
        """`duties` are done in order, each time there is no step left."""
        self._looking = looking
        self._objects = objects
        self._fleet = fleet
        self._clock = clock
        self._lifetimes = lifetimes
        self._duties = duties
        self._read: tuple[Fleet, float] | None = None

    def settle(self) -> TrustReport:
        """Step by step until there is nothing to do.

        Raises ClusterTrouble, and BadInput for an object that has to be mended first.
        """
        done: list[TrustStep] = []
        while True:
            seen = self._looking.look()
            barrier = self._barrier(seen)
            step = next_step(
                seen.view,
                acknowledged=barrier is not None and barrier.passed,
                now=seen.now,
                lifetimes=self._lifetimes,
            )
            if step is None or len(done) == MOST_STEPS:
                break
            with suppress(ChangedMeanwhile):
                self._do(step, seen)
                done.append(step)
        with suppress(ChangedMeanwhile):  # the next pass looks again
            self._publish_the_rest(seen)
        return TrustReport(
            view=seen.view,
            barrier=barrier,
            problems=(*seen.problems, *self._do_duties(seen)),
            done=tuple(done),
            now=seen.now,
        )

    def demand(self) -> None:
        """Ask for new keys at once.

        Raises ClusterTrouble; BadInput (authority-unusable) where there are none yet.
        """
        while True:
            stored = self._looking.keyring()
            try:
                wanted = keyring.demanded(stored, now=self._clock.now())
                self._objects.put_secret(wanted, over=stored.secret)
            except ChangedMeanwhile:
                continue
            return

    def _barrier(self, seen: Seen) -> Barrier | None:
        """What the nodes say of the next CA; None where there is none, or it is not published."""
        ring, published = seen.view.ring, seen.view.published
        if ring.next is None or published.since is None:
            return None
        if ring.next.sha256 not in published.anchors:
            return None
        return judge_barrier(
            self._nodes(),
            anchor=ring.next.sha256,
            registries=frozenset(str(item.service.registry) for item in seen.services),
            since=published.since,
            patience=self._lifetimes.haste if ring.demanded_at else self._lifetimes.patience,
        )

    def _nodes(self) -> Fleet:
        began = self._clock.monotonic()
        if self._read is not None and began < self._read[1]:
            return self._read[0]
        fleet = self._fleet.read()
        ended = self._clock.monotonic()
        self._read = (fleet, ended + FLEET_SHARE * (ended - began))
        return fleet

    def _do(self, step: TrustStep, seen: Seen) -> None:
        stored, now = seen.stored, seen.now
        match step:
            case MakeAuthority():
                wanted = keyring.with_new(
                    stored,
                    role=step.role,
                    constraints=step.constraints,
                    orphans=_chosen(seen.bundle, step.orphans),
                    now=now,
                    lifetime=self._lifetimes.authority,
                )
                self._objects.put_secret(wanted, over=stored.secret)
            case SwitchAuthority():
                wanted = keyring.switched(stored, cross=step.cross, now=now)
                self._objects.put_secret(wanted, over=stored.secret)
            case RetirePrevious():
                self._objects.put_secret(keyring.retired(stored, now=now), over=stored.secret)
            case PublishAnchors():
                self._objects.put_config_map(seen.wanted_bundle, over=seen.bundle)
            case IssueLeaf():
                secret = with_certificate(
                    step, stored=stored, now=now, lifetime=self._lifetimes.certificate
                )
                self._objects.put_secret(secret, over=seen.secrets.get(step.namespace))
            case _:
                assert_never(step)

    def _do_duties(self, seen: Seen) -> Iterator[Problem]:
        """One that fails keeps no other from being done."""
        for duty in self._duties:
            try:
                yield from duty.settle(seen)
            except (ClusterTrouble, BadInput) as trouble:
                yield trouble.problem
            except ChangedMeanwhile:
                continue  # the next pass looks again

    def _publish_the_rest(self, seen: Seen) -> None:
        """What of the bundle is not about our own CAs: foreign ones, and what strangers wrote."""
        wanted = seen.wanted_bundle
        if seen.bundle is None or not is_published(seen.bundle, wanted):
            self._objects.put_config_map(wanted, over=seen.bundle)


def _chosen(bundle: ConfigMapObject | None, anchors: frozenset[str]) -> tuple[bytes, ...]:
    """Those certificates of the bundle, DER."""
    return tuple(der for der in anchors_in(bundle) if fingerprint(der) in anchors)
