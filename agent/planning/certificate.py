"""One X.509 certificate, as far as trust needs it read: a CA or not, whose, and from when to when.

OpenSSL reads it (through `ssl`, in memory), so no parser of our own can disagree with the one that
verifies later. What OpenSSL takes for a CA is wider than what may be published, see
`read_certificate`.
"""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import cast

from agent.planning.model import Anchor

_BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")  # the extension's object identifier, 2.5.29.19
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUBJECT_LENGTH = 256  # a subject ends up in log lines, and is written by strangers


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that OpenSSL can read. `anchor` is None when it is not that of a CA."""

    der: bytes = field(repr=False)
    anchor: Anchor | None


@lru_cache(maxsize=256)  # 0.9 ms each, most of it the context; the same few come with every pass
def read_certificate(der: bytes) -> Certificate:
    """Read one certificate, DER and nothing after it. Raises ValueError when it is none.

    A CA here states so: basicConstraints CA:TRUE. `X509_check_ca` also takes three that do not:
    any self-signed certificate of X.509 version 1, a version 3 one without basicConstraints whose
    keyUsage has keyCertSign, and Netscape's extension. Go, and so the runtime, refuses to verify
    with the second, but a version 1 certificate, which cannot say whether it is a server's, does
    verify (both seen with Go 1.26); a ClusterTrustBundle refuses all of them. So do we.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=der)
    except ssl.SSLError as error:
        raise ValueError(error.reason or "it is no X.509 certificate") from error
    stats = context.cert_store_stats()
    if stats["x509"] != 1:
        raise ValueError("it holds more than one certificate")
    if stats["x509_ca"] != 1 or _BASIC_CONSTRAINTS not in der:
        return Certificate(der=der, anchor=None)
    if context.get_ca_certs(binary_form=True) != [der]:
        raise ValueError("it is not DER")
    facts = context.get_ca_certs()[0]
    return Certificate(
        der=der,
        anchor=Anchor(
            der=der,
            subject=_subject(facts["subject"]),
            not_before=_moment(facts["notBefore"]),
            not_after=_moment(facts["notAfter"]),
        ),
    )


def _moment(text: object) -> datetime:
    return _EPOCH + timedelta(seconds=ssl.cert_time_to_seconds(str(text)))


def _subject(name: object) -> str:
    parts = cast("tuple[tuple[tuple[str, str], ...], ...]", name)  # typeshed is vague about it
    text = ", ".join(f"{kind}={value}" for part in parts for kind, value in part)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[
        :_SUBJECT_LENGTH
    ]
