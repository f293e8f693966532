"""From a published bundle to the CA certificates a node may trust, or the reason to refuse it.

A bundle is refused whole: skipping what is not a CA would hide that a key was published, or that
a rotation went wrong. What is accepted depends on the set of certificates alone, never on order,
repetition, line ends or comments, so that the file on the nodes changes only when trust does.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from agent.errors import BadInput, Problem, Reason
from agent.planning.certificate import read_certificate
from agent.planning.model import HEADER, Anchor, BundleObject, TrustBundle
from agent.planning.pem import (
    find_certificates,
    has_private_key,
    malformed,
    pem_block,
    scan_certificates,
)

MAX_BUNDLE_BYTES = 64 * 1024
"""The most that is looked at, of the certificates and of the `revoked` list each."""

MAX_CERTIFICATES = 32
"""Distinct ones. A rotation needs three; containerd parses the file on every pull."""

_SHOWN = 20  # of a word that is no fingerprint: it may be a pasted secret
_FINGERPRINT = re.compile(r"[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31}")
_SEPARATOR = re.compile(r"[\s,]+")


def read_trust_bundle(bundle: BundleObject, *, now: datetime) -> TrustBundle:
    """Return the anchors of a bundle, without the revoked ones, sorted by DER.

    Anchors that have expired or are not valid yet are kept: the set shall not change by time alone.
    Raises BadInput with the first rule broken, in this order: bundle-too-large (before anything
    is parsed), bundle-has-private-key, bundle-malformed, bundle-empty, bundle-too-large (number),
    bundle-has-leaf, all-anchors-revoked, bundle-expired (no anchor that is valid at `now`).
    """
    _check_size(bundle.pem, where=bundle.where)
    if has_private_key(bundle.pem):
        raise _refused(
            Reason.BUNDLE_HAS_PRIVATE_KEY, bundle.where, "it holds a PRIVATE KEY beside the CA"
        )
    ders = sorted(set(scan_certificates(bundle.pem, where=bundle.where)))
    if not ders:
        raise _refused(Reason.BUNDLE_EMPTY, bundle.where, "there is no certificate in it")
    if len(ders) > MAX_CERTIFICATES:
        raise _refused(
            Reason.BUNDLE_TOO_LARGE,
            bundle.where,
            f"{len(ders)} certificates are more than {MAX_CERTIFICATES}",
        )
    anchors = tuple(_anchor(der, where=bundle.where) for der in ders)
    revoked = read_revoked(bundle)
    kept = tuple(anchor for anchor in anchors if anchor.sha256 not in revoked)
    if not kept:
        raise _refused(
            Reason.ALL_ANCHORS_REVOKED, bundle.where, "each of its certificates is revoked"
        )
    _check_dates(kept, now=now, where=bundle.where)
    return TrustBundle(anchors=kept)


def read_revoked(bundle: BundleObject) -> frozenset[str]:
    """SHA-256 fingerprints, lower-case hex, from the text under the bundle's key `revoked`.

    They stand apart by white space or commas, with colons or without, in upper or lower case; a
    `#` begins a comment. Raises BadInput (bundle-malformed) naming what is none.
    """
    where = f"{bundle.where}, key revoked"
    _check_size(bundle.revoked, where=where)
    words = (
        word
        for line in bundle.revoked.splitlines()
        for word in _SEPARATOR.split(line.partition("#")[0])
    )
    return frozenset(_fingerprint(word, where=where) for word in words if word)


@lru_cache(maxsize=64)  # the same few with every pass
def render_trust_file(ders: tuple[bytes, ...]) -> bytes:
    """Render the file that the runtime reads: our header, then one block per certificate, sorted.

    The same set gives the same bytes. Raises ValueError unless they read back as that set.
    """
    wanted = tuple(sorted(set(ders)))
    text = HEADER + "".join(pem_block(der) for der in wanted)
    if tuple(find_certificates(text)) != wanted:
        raise ValueError("the rendered trust file does not read back")
    return text.encode("ascii")


@lru_cache(maxsize=64)
def parse_trust_file(content: bytes) -> tuple[bytes, ...] | None:
    """Find the certificates in a file on the node as a runtime does: sorted DER, None without any.

    Tolerant, as the runtime is: other text and blocks that hold no certificate are passed over,
    and a leaf counts, for Go trusts it as an anchor.
    """
    ders = {der for der in find_certificates(content.decode("latin-1")) if _is_readable(der)}
    return tuple(sorted(ders)) or None


def trust_expiry(ders: Iterable[bytes]) -> datetime | None:
    """Say from when on none of these CAs is valid any more: their latest `notAfter`.

    The latest, not the earliest: in a rotation the old anchor is meant to expire in place. None
    when there is no CA among them. Certificates that cannot be read do not count.
    """
    anchors = (read_certificate(der).anchor for der in ders if _is_readable(der))
    return max((anchor.not_after for anchor in anchors if anchor is not None), default=None)


def _anchor(der: bytes, *, where: str) -> Anchor:
    try:
        anchor = read_certificate(der).anchor
    except ValueError as error:
        raise malformed(where, f"a block holds no certificate: {error}") from error
    if anchor is None:
        raise _refused(
            Reason.BUNDLE_HAS_LEAF, where, "one of its certificates does not say CA:TRUE"
        )
    return anchor


def _is_readable(der: bytes) -> bool:
    try:
        read_certificate(der)
    except ValueError:
        return False
    return True


def _check_size(text: str, *, where: str) -> None:
    size = len(text.encode(errors="replace"))
    if size > MAX_BUNDLE_BYTES:
        raise _refused(
            Reason.BUNDLE_TOO_LARGE, where, f"{size} bytes are more than {MAX_BUNDLE_BYTES}"
        )


def _check_dates(anchors: tuple[Anchor, ...], *, now: datetime, where: str) -> None:
    if any(anchor.not_before <= now <= anchor.not_after for anchor in anchors):
        return
    first = min(anchor.not_before for anchor in anchors)
    last = max(anchor.not_after for anchor in anchors)
    detail = (
        f"none is valid now, the last one expired at {last.isoformat()}"
        if last < now
        else f"none is valid now; they span {first.isoformat()} to {last.isoformat()}"
    )
    raise _refused(Reason.BUNDLE_EXPIRED, where, detail)


def _fingerprint(word: str, *, where: str) -> str:
    if not _FINGERPRINT.fullmatch(word.lower()):
        shown = ascii(word if len(word) <= _SHOWN else f"{word[:_SHOWN]}...")
        raise malformed(where, f"{shown} is no SHA-256 fingerprint")
    return word.lower().replace(":", "")


def _refused(reason: Reason, where: str, detail: str) -> BadInput:
    return BadInput(Problem(reason=reason, where=where, detail=detail))
