"""Which names and addresses a registry's certificate has, and when it is made anew.

One for all registry Services of a namespace: they share the registry. A Service that the CA may
not sign for yet waits, and does not keep the others from a new certificate. One that is there but
lost its label, or is refused, stays in the certificate: nodes go on to pull from it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from agent.planning.model import IPAddress
from agent.planning.trust_model import Authority, Keyring, Leaf, Reached, Serving

_RENEWED_AFTER = 2 / 3  # of its life
_JITTER = 0.05  # so much earlier at most: what was made together is not renewed together


def wanted(serving: Serving, *, ring: Keyring, current: Authority, now: datetime) -> Reached:
    """All that the certificate has to be for."""
    services = covered_services(serving, ring=ring, current=current, now=now)
    return together((*services, *_kept(serving, ring=ring, current=current, now=now)))


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


def _kept(
    serving: Serving, *, ring: Keyring, current: Authority, now: datetime
) -> Iterable[Reached]:
    """Of what the present certificate is for: the Services that are no longer wanted."""
    leaf = serving.leaf
    if leaf is None or not leaf.is_sound:
        return ()
    services = [
        Reached(names=service.names & leaf.names, addresses=service.addresses & leaf.addresses)
        for service in serving.besides
        if service.names & leaf.names
    ]
    for authority in (current, *ring.crossed_by(now)):
        services = _allowed(services, authority)
    return services


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
        "the Services have other names or addresses": Reached(
            names=leaf.names, addresses=leaf.addresses
        )
        != wanted(serving, ring=ring, current=current, now=now),
        "its chain is not that of the CA any more": leaf.crossed != ring.crossed,
        "two thirds of its life are over": now >= renewal(leaf, seed=serving.namespace)
        and leaf.not_after < current.not_after,
    }
    return next((why for why, holds in reasons.items() if holds), "")


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
