"""Whom the registry's certificate convinces: asked of Go, OpenSSL and pyca, who have to agree."""

import re
from collections.abc import Collection
from functools import partial
from ipaddress import ip_address, ip_network
from typing import NamedTuple

import pytest

from agent.issuer.certificates import KeyPair, cross_sign, issue
from agent.issuer.verification import verify
from agent.planning.model import IPAddress
from tests.issuer import verifiers
from tests.issuer.pairs import ADDRESSES, DAY, NAMES, NOW, authority, leaf
from tests.issuer.verifiers import Verifier

OLD, NEW, NEWEST = authority(), authority(), authority()
NETWORKS = frozenset({ip_network("10.96.0.0/12"), ip_network("fd00:10:96::/108")})
ONLY_OLD, ONLY_NEW, BOTH = (OLD,), (NEW,), (OLD, NEW)
SERVED = {
    "leaf(old)": leaf(OLD),
    "leaf(new)": leaf(NEW),
    "leaf(new) + new by old": leaf(NEW, crossed_by=OLD),
}


@pytest.fixture(
    params=[verifiers.go, verifiers.openssl, verifiers.pyca], ids=lambda by: by.__name__
)
def by(request: pytest.FixtureRequest) -> Verifier:
    verifier: Verifier = request.param
    return verifier


@pytest.mark.parametrize("served", SERVED)
@pytest.mark.parametrize("trusted", [ONLY_OLD, ONLY_NEW, BOTH], ids=["old", "new", "old + new"])
def test_everybody_who_trusts_the_old_the_new_or_both_takes_the_chain_of_a_switch(
    trusted: tuple[KeyPair, ...], served: str, by: Verifier
) -> None:
    refused = {(ONLY_OLD, "leaf(new)"), (ONLY_NEW, "leaf(old)")}

    why_not = by(
        [pair.certificate for pair in trusted],
        SERVED[served].certificate,
        names=NAMES,
        addresses=ADDRESSES,
        now=NOW,
    )

    assert bool(why_not) == ((trusted, served) in refused), why_not


def test_the_addresses_may_be_limited_too(by: Verifier) -> None:
    limited = authority(networks=NETWORKS)
    served = leaf(limited).certificate

    assert by([limited.certificate], served, names=NAMES, addresses=ADDRESSES, now=NOW) == ""


def test_it_has_to_be_for_each_of_the_names_and_addresses(by: Verifier) -> None:
    served = leaf(OLD).certificate
    ask = partial(by, [OLD.certificate], served, now=NOW)

    assert ask(names=[*NAMES, "other.registry.svc"], addresses=ADDRESSES) != ""
    assert ask(names=NAMES, addresses=[*ADDRESSES, ip_address("10.96.0.51")]) != ""


@pytest.mark.parametrize(
    "chain", [b"", leaf(OLD).certificate, leaf(OLD).certificate[:-40], OLD.key]
)
def test_nothing_is_verified_for_nothing(chain: bytes) -> None:
    ca = OLD.certificate

    assert verify(chain=chain, anchor=ca, names=(), addresses=(), now=NOW) is not None


class Refused(NamedTuple):
    """A chain that must convince nobody who trusts this CA."""

    trusted: KeyPair
    chain: bytes
    names: Collection[str] = NAMES
    addresses: Collection[IPAddress] = ()
    because: str = "permitted"


def for_name(name: str, *, by: KeyPair = OLD) -> Refused:
    pair = issue(names={name}, addresses=(), authority=by, now=NOW, lifetime=DAY)
    return Refused(by, pair.certificate, names={name})


def for_address(address: str, *, allowed: str) -> Refused:
    limited = authority(networks=frozenset({ip_network(allowed)}))
    addresses = {ip_address(address)}
    pair = issue(names=NAMES, addresses=addresses, authority=limited, now=NOW, lifetime=DAY)
    return Refused(limited, pair.certificate, addresses=addresses)


def through_two_crosses() -> Refused:
    """The newest, signed by the new, signed by the old: each is fit to sign one more, as a root."""
    crosses = cross_sign(new=NEWEST.certificate, old=NEW, now=NOW) + cross_sign(
        new=NEW.certificate, old=OLD, now=NOW
    )
    return Refused(OLD, leaf(NEWEST).certificate + crosses, because="path length")


def signed_by_a_registry() -> Refused:
    """By the key of a serving certificate, with that certificate above it."""
    registry = leaf(OLD)
    below = issue(names=NAMES, addresses=(), authority=registry, now=NOW, lifetime=DAY)
    return Refused(
        OLD, below.certificate + registry.certificate, because="cannot sign|signing|Issuer"
    )


REFUSED = {
    "a public registry's name": for_name("docker.io"),
    "a neighbour that ends alike": for_name("knative.otherregistry.svc"),
    "a namespace that is not allowed": for_name("knative.other.svc.cluster.local"),
    "another address than those of Services": for_address("192.0.2.1", allowed="10.96.0.0/12"),
    "an address just outside": for_address("10.112.0.0", allowed="10.96.0.0/12"),
    "a family that is not allowed": for_address("fd00:10:96::50", allowed="10.96.0.0/12"),
    "the other family that is not": for_address("10.96.0.50", allowed="fd00:10:96::/108"),
    "two crosses": through_two_crosses(),
    "a registry as CA": signed_by_a_registry(),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_nobody_takes(refused: Refused, by: Verifier) -> None:
    trusted, chain, names, addresses, because = refused

    why_not = by([trusted.certificate], chain, names=names, addresses=addresses, now=NOW)

    assert re.search(because, why_not), why_not


@pytest.mark.parametrize(("days", "is_valid"), [(-1, False), (0, True), (89, True), (91, False)])
def test_a_certificate_counts_from_its_first_day_to_its_last(
    days: int, is_valid: bool, by: Verifier
) -> None:
    served = SERVED["leaf(new) + new by old"].certificate
    now = NOW + days * DAY

    why_not = by([OLD.certificate], served, names=NAMES, addresses=ADDRESSES, now=now)

    assert bool(why_not) is not is_valid, why_not


def test_a_cross_ends_with_the_old_authority(by: Verifier) -> None:
    old = authority(lifetime=30 * DAY)
    served = leaf(NEW, crossed_by=old).certificate
    later = NOW + 31 * DAY

    assert by([old.certificate], served, names=NAMES, addresses=(), now=later) != ""
    assert by([NEW.certificate], served, names=NAMES, addresses=(), now=later) == ""


def test_an_authority_that_has_ended_signs_no_successor() -> None:
    ended = authority(now=NOW - 2 * DAY, lifetime=DAY)

    assert cross_sign(new=NEW.certificate, old=ended, now=NOW) == b""


def test_an_authority_that_has_ended_signs_no_certificate() -> None:
    with pytest.raises(ValueError, match="the CA ended at"):
        leaf(authority(now=NOW - 2 * DAY, lifetime=DAY))


def test_a_certificate_is_for_something() -> None:
    with pytest.raises(ValueError, match="needs a name or an address"):
        issue(names=(), addresses=(), authority=OLD, now=NOW, lifetime=DAY)


@pytest.mark.parametrize("key", [NEW.key, b"nonsense"])
def test_no_key_is_told_when_it_cannot_be_used(key: bytes) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - whatever it says
        leaf(KeyPair(certificate=OLD.certificate, key=key))

    assert "PRIVATE" not in f"{refusal.value} {refusal.value!r} {refusal.value.__cause__!r}"
