"""The steps of trust bootstrapping, each one guarded write, as a closed union."""

from dataclasses import dataclass
from typing import TypeAlias

from agent.planning.model import IPAddress
from agent.planning.trust_model import Constraints, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeAuthority:
    """Make a CA, and put it on the ring.

    `orphans` are published CAs whose keys were lost: they join the previous ones. So does a next
    CA that is there already: its keys were given up.
    """

    role: Role
    constraints: Constraints
    orphans: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAuthority:
    """Let the next CA sign from now on; the old one signs it first, if `cross`."""

    cross: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RetirePrevious:
    """Take the previous CAs off the ring; those that are compromised join the revoked ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishAnchors:
    """Let the bundle hold these CAs of ours, and say that those are revoked."""

    anchors: frozenset[str]
    revoked: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueLeaf:
    """Give a namespace's registry a certificate by the current CA. `why` is for people."""

    namespace: str
    names: frozenset[str]
    addresses: frozenset[IPAddress]
    why: str


TrustStep: TypeAlias = MakeAuthority | SwitchAuthority | RetirePrevious | PublishAnchors | IssueLeaf
