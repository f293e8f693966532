"""Which names and addresses a registry's certificate has, and when it is made anew.

One for all registry Services of a namespace: they share the registry. A Service that the CA may
not sign for yet waits, and does not keep the others from a new certificate.

What a Service was reached by stays in the certificate until that is renewed for its age: nodes go
on to pull from a Service that lost its label, or whose ports they cannot tell apart any more.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from agent.planning.model import IPAddress
from agent.planning.trust_model import Authority, Keyring, Leaf, Reached, Serving

_RENEWED_AFTER = 2 / 3  # of its life
_JITTER = 0.05  # so much earlier at most: what was made together is not renewed together
_MOST_KEPT = 64  # names and addresses: a Service that is made anew every hour shall not fill it


def covered(
    serving: Serving, *, ring: Keyring, current: Authority, now: datetime
) -> tuple[frozenset[str], frozenset[IPAddress]]:
    """All names and addresses that the certificate can be for."""
    found = together(covered_services(serving, ring=ring, current=current, now=now))
    return found.names, found.addresses


def covered_services(
    serving: Serving, *, ring: Keyring, current: Authority, now: datetime
) -> list[Reached]:
    """The Services that the certificate can be for.

    While the chain goes on to the previous CA, who trusts only that can verify it. One Service that
    the previous CA may not sign for would end that for all: it waits, unless all are of that kind.
    """
    verifiable = _verifiable(serving, ring=ring, current=current, now=now)
    return verifiable or _allowed(serving.services, current)


def together(services: Iterable[Reached]) -> Reached:
    """What they all are reached by."""
    services = tuple(services)
    return Reached(
        names=frozenset[str]().union(*(service.names for service in services)),
        addresses=frozenset[IPAddress]().union(*(service.addresses for service in services)),
    )


def waits_for_retirement(
    serving: Serving, *, ring: Keyring, current: Authority, now: datetime
) -> bool:
    """Whether a Service gets no certificate as long as the previous CA is on the ring."""
    verifiable = _verifiable(serving, ring=ring, current=current, now=now)
    return bool(verifiable) and verifiable != _allowed(serving.services, current)


def _verifiable(
    serving: Serving, *, ring: Keyring, current: Authority, now: datetime
) -> list[Reached]:
    """Those that each CA may sign for to which the chain of a certificate leads."""
    services = _allowed(serving.services, current)
    for authority in ring.crossed_by(now):
        services = _allowed(services, authority)
    return services


def _allowed(services: Iterable[Reached], authority: Authority) -> list[Reached]:
    return [
        service
        for service in services
        if authority.constraints.allow(names=service.names, addresses=service.addresses)
    ]


def why_anew(serving: Serving, *, ring: Keyring, current: Authority, now: datetime) -> str:
    """Why the certificate of a namespace has to be made anew; empty when it has not."""
    leaf = serving.leaf
    if leaf is None:
        return "there is none"
    reasons = {
        "what is there does not verify": not leaf.is_sound,
        "another CA signs now": leaf.signer != current.sha256,
        "it lacks a name or an address of the Services": _lacks(
            leaf, *covered(serving, ring=ring, current=current, now=now)
        ),
        "its chain is not that of the CA any more": leaf.crossed != ring.crossed,
        "two thirds of its life are over": now >= renewal(leaf, seed=serving.namespace)
        and leaf.not_after < current.not_after,
    }
    return next((why for why, holds in reasons.items() if holds), "")


def kept(serving: Serving, *, ring: Keyring, current: Authority, now: datetime) -> Reached:
    """What a new certificate has to be for besides: what the present one is, if that is not old."""
    leaf = serving.leaf
    if leaf is None or not leaf.is_sound or now >= renewal(leaf, seed=serving.namespace):
        return together(())
    signers = [authority.constraints for authority in (current, *ring.crossed_by(now))]
    names = {name for name in leaf.names if all(by.allow_name(name) for by in signers)}
    addresses = {item for item in leaf.addresses if all(by.allow_address(item) for by in signers)}
    found = Reached(names=frozenset(names), addresses=frozenset(addresses))
    return found if len(names) + len(addresses) <= _MOST_KEPT else together(())


def _lacks(leaf: Leaf, names: frozenset[str], addresses: frozenset[IPAddress]) -> bool:
    return not (names <= leaf.names and addresses <= leaf.addresses)


def renewal(leaf: Leaf, *, seed: str) -> datetime:
    """When a certificate is made anew: after two thirds of its life, or a little earlier."""
    share = sha256(f"{seed} {leaf.not_before}".encode()).digest()[0] / 255
    return leaf.not_before + (leaf.not_after - leaf.not_before) * (_RENEWED_AFTER - _JITTER * share)


def may_serve(
    signers: frozenset[str], serving: Serving, *, now: datetime, refresh: timedelta
) -> bool:
    """Whether the registry may still serve what one of these CAs signed.

    What its Secret held before may be served until the pod has read it again, `refresh` at most.
    """
    leaf = serving.leaf
    if leaf is None or leaf.not_after <= now:
        return False
    is_read = serving.written_at is not None and now >= serving.written_at + refresh
    return leaf.signer in signers or not is_read
