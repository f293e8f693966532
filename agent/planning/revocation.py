"""Anchors that must leave a node at once, whatever else of a change is held or unknown."""

from collections.abc import Iterable
from hashlib import sha256


def without_revoked(ders: Iterable[bytes], revoked: frozenset[str]) -> tuple[bytes, ...]:
    """The anchors, in order, whose SHA-256 fingerprint does not stand among the revoked."""
    return tuple(der for der in ders if sha256(der).hexdigest() not in revoked)
