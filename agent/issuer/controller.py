"""The trust controller's pass: look at everything, do the one next step, look again.

What it knows is in the cluster's own objects, so it can be killed between any two writes and
another can go on. Every write names what was seen before it: whoever was quicker wins, and the
other looks again.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import assert_never

from agent.errors import ChangedMeanwhile
from agent.issuer import keyring, serving_secret
from agent.issuer.look import Looking, Seen
from agent.issuer.serving_secret import with_certificate
from agent.planning.barrier import Barrier, judge_barrier
from agent.planning.fleet import Fleet
from agent.planning.published_bundle import anchors_in, fingerprint, is_published, read_moment
from agent.planning.rotation import next_step
from agent.planning.stored_objects import ConfigMapObject, SecretObject
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
from agent.trust_ports import FleetReading, Objects, PodNotes

MOST_STEPS = 32
"""In one pass. There are about ten in a rotation, and one for each namespace."""

FLEET_SHARE = 10
"""The nodes are read again after ten times as long as that took: it may be 75 MB."""

_NOTED_FOR = timedelta(minutes=10)


class Controller:
    """Issues, publishes and rotates. One thread at a time."""

    def __init__(
        self,
        *,
        looking: Looking,
        objects: Objects,
        fleet: FleetReading,
        notes: PodNotes,
        clock: Clock,
        lifetimes: Lifetimes,
    ) -> None:
        self._looking = looking
        self._objects = objects
        self._fleet = fleet
        self._notes = notes
        self._clock = clock
        self._lifetimes = lifetimes
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
            self._note_pods(seen)
        return TrustReport(
            view=seen.view,
            barrier=barrier,
            problems=seen.problems,
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

    def _publish_the_rest(self, seen: Seen) -> None:
        """What of the bundle is not about our own CAs: foreign ones, and what strangers wrote."""
        wanted = seen.wanted_bundle
        if seen.bundle is None or not is_published(seen.bundle, wanted):
            self._objects.put_config_map(wanted, over=seen.bundle)

    def _note_pods(self, seen: Seen) -> None:
        """So that a kubelet reads a new certificate at once."""
        for item in seen.services:
            secret = seen.secrets.get(item.service.registry.namespace)
            if secret is None or not _is_new(secret, now=seen.now):
                continue
            sha256 = fingerprint(secret.data.get(serving_secret.CERTIFICATE_KEY, b""))
            self._notes.note_certificate(secret.namespace, selector=item.selector, sha256=sha256)


def _chosen(bundle: ConfigMapObject | None, anchors: frozenset[str]) -> tuple[bytes, ...]:
    """Those certificates of the bundle, DER."""
    return tuple(der for der in anchors_in(bundle) if fingerprint(der) in anchors)


def _is_new(secret: SecretObject, *, now: datetime) -> bool:
    written_at = read_moment(secret.annotations.get(serving_secret.WRITTEN_AT, ""))
    return written_at is not None and now < written_at + _NOTED_FOR
