"""The nouns of trust bootstrapping: our CAs, the certificates they signed, and what is published.

Facts only, no keys and no PEM: what planning decides goes by fingerprints, names and dates, and
the room that knows cryptography turns its steps into bytes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from agent.planning.model import IPAddress

IPNetwork: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a CA may sign for: DNS subtrees, and networks; no networks allow every address."""

    names: frozenset[str]
    networks: frozenset[IPNetwork] = frozenset()

    def cover(self, wanted: "Constraints") -> bool:
        """Whether a CA with these may sign for all that is wanted."""
        if not wanted.names <= self.names:
            return False
        if not self.networks:
            return True
        return bool(wanted.networks) and all(map(self._has_network, wanted.networks))

    def _has_network(self, wanted: IPNetwork) -> bool:
        for own in self.networks:
            if isinstance(own, IPv4Network) and isinstance(wanted, IPv4Network):
                if wanted.subnet_of(own):
                    return True
            elif (
                isinstance(own, IPv6Network)
                and isinstance(wanted, IPv6Network)
                and wanted.subnet_of(own)
            ):
                return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One CA of ours. `sha256` is its certificate's fingerprint, lower-case hex."""

    sha256: str
    not_before: datetime
    not_after: datetime
    constraints: Constraints

    @property
    def half_life(self) -> datetime:
        """When half of its life is over."""
        return self.not_before + (self.not_after - self.not_before) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """What the CA Secret holds.

    `current` signs, `next` shall, `previous` did: of those the public part is left, and they are
    several only where the Secret was lost. `crossed` tells that `current` is there a second time,
    signed by `previous`. `switched_at` is when `current` began to sign; `is_compromised` that
    somebody asked for another CA because the key of the current one may be in strange hands.
    """

    current: Authority | None = None
    next: Authority | None = None
    previous: tuple[Authority, ...] = ()
    crossed: bool = False
    revoked: tuple[Authority, ...] = ()
    switched_at: datetime | None = None
    is_compromised: bool = False

    @property
    def anchors(self) -> frozenset[str]:
        """The fingerprints of all that somebody may have to trust."""
        here = (self.current, self.next, *self.previous)
        return frozenset(authority.sha256 for authority in here if authority is not None)


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
class Serving:
    """One namespace with registries: what its certificate has to cover, and what there is.

    `leaf` is None where there is no certificate; `written_at` is when it was put there.
    """

    namespace: str
    names: frozenset[str]
    addresses: frozenset[IPAddress]
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
