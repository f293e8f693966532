"""The nouns of trust bootstrapping: our CAs, the certificates they signed, and what is published.

Facts only, no keys and no PEM: what planning decides goes by fingerprints, names and dates, and
the room that knows cryptography turns its steps into bytes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

from agent.planning.model import IPAddress

IPNetwork: TypeAlias = IPv4Network | IPv6Network

BACKDATE = timedelta(minutes=5)
"""How much older a certificate says it is than it is: clocks differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a CA may sign for: DNS subtrees, and networks; no networks allow every address."""

    names: frozenset[str]
    networks: frozenset[IPNetwork] = frozenset()

    def cover(self, wanted: "Constraints") -> bool:
        """Whether a CA with these may sign for all that is wanted.

        Wanted without networks are those of which the networks are not known now: they may well be
        the same, and are no cause to give up the limits that there are.
        """
        is_inside = not self.networks or all(map(self._has_network, wanted.networks))
        return wanted.names <= self.names and is_inside

    def allow(self, *, names: frozenset[str], addresses: frozenset[IPAddress]) -> bool:
        """Whether a CA with these may sign a certificate of these names and addresses."""
        hosts = (ip_network(address) for address in addresses)
        return all(map(self._has_name, names)) and (
            not self.networks or all(map(self._has_network, hosts))
        )

    def _has_name(self, name: str) -> bool:
        return any(name == own or name.endswith(f".{own}") for own in self.names)

    def _has_network(self, wanted: IPNetwork) -> bool:
        return any(
            wanted.version == own.version
            and int(own.network_address) <= int(wanted.network_address)
            and int(wanted.broadcast_address) <= int(own.broadcast_address)
            for own in self.networks
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One CA of ours. `sha256` is its certificate's fingerprint, lower-case hex."""

    sha256: str
    not_before: datetime
    not_after: datetime
    constraints: Constraints

    @property
    def made_at(self) -> datetime:
        """When it was made."""
        return self.not_before + BACKDATE

    @property
    def half_life(self) -> datetime:
        """When half of its life is over."""
        return self.not_before + (self.not_after - self.not_before) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """What the CA Secret holds.

    `current` signs, `next` shall, `previous` did: of those the public part is left, and they are
    several only where keys were lost or given up. `crossed` tells that `current` is there a second
    time, signed by the one before it. `switched_at` is when `current` began to sign. `demanded_at`
    is when somebody asked for new keys at once, since these may be in strange hands; `compromised`
    are the previous CAs of which that was said, `revoked` those that are trusted no more.
    """

    current: Authority | None = None
    next: Authority | None = None
    previous: tuple[Authority, ...] = ()
    crossed: bool = False
    switched_at: datetime | None = None
    demanded_at: datetime | None = None
    compromised: frozenset[str] = frozenset()
    revoked: tuple[Authority, ...] = ()

    @property
    def anchors(self) -> frozenset[str]:
        """The fingerprints of all that somebody may have to trust."""
        here = (self.current, self.next, *self.previous)
        return frozenset(authority.sha256 for authority in here if authority is not None)

    def crossed_by(self, now: datetime) -> tuple[Authority, ...]:
        """The CAs that a chain leads to besides the current one, as long as they are valid."""
        valid = (authority for authority in self.previous if authority.not_after > now)
        return tuple(valid) if self.crossed else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The bundle as it stands. `since` is when this set of `anchors` was first there."""

    anchors: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """The certificate that a namespace's registry is given.

    `signer` is the fingerprint of the CA of ours that signed it; "" when none of them did.
    `crossed` tells whether the chain goes on to the previous CA. `is_sound` is false where the
    chain does not verify, or the key is not its own.
    """

    signer: str
    names: frozenset[str]
    addresses: frozenset[IPAddress]
    not_before: datetime
    not_after: datetime
    crossed: bool = False
    is_sound: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """One registry Service: the names and addresses that it is reached by."""

    names: frozenset[str]
    addresses: frozenset[IPAddress]


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One namespace with registries: its Services, and the certificate that there is for them.

    `besides` are the Services there that are none for us, without the label or refused. `leaf` is
    None where there is no certificate; `written_at` is when it was put there.
    """

    namespace: str
    services: tuple[Reached, ...]
    besides: tuple[Reached, ...] = ()
    leaf: Leaf | None = None
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long things last and how long to wait.

    `soak`: between the publication of a CA and the first certificate by it. `patience`: how long
    a node that is silent or not ready keeps the switch waiting. `refresh`: until a registry's pod
    is sure to serve what its Secret holds. `haste`: instead of `patience`, where the key of the
    CA may be in strange hands.
    """

    authority: timedelta = timedelta(days=730)
    certificate: timedelta = timedelta(days=90)
    soak: timedelta = timedelta(hours=24)
    patience: timedelta = timedelta(days=14)
    refresh: timedelta = timedelta(minutes=2)
    haste: timedelta = timedelta(minutes=10)


class Role(StrEnum):
    """Which place a new CA takes on the ring."""

    CURRENT = "current"
    NEXT = "next"
