"""Whether a server's chain, exactly as it is served, verifies by one trust anchor.

The verifier is `cryptography.x509.verification`: stricter than what runs on nodes, so that what
passes here passes there. Tried for each name and each address, as clients do.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from agent.errors import BadInput
from agent.planning.model import IPAddress
from agent.planning.pem import scan_certificates

UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""All that `cryptography` raises for what strangers write; it reads lazily, so at any access."""


def verify(
    *,
    chain: bytes,
    anchor: bytes,
    names: Collection[str],
    addresses: Collection[IPAddress],
    now: datetime,
) -> str | None:
    """Why the chain does not verify by that anchor for all of these; None when it does.

    Both are PEM: the chain with the server's certificate first, the anchor of one CA.
    """
    try:
        served, (root,) = read_chain(chain, where="the chain"), read_chain(anchor, where="the CA")
        return why_not(served, anchor=root, names=names, addresses=addresses, now=now)
    except BadInput as trouble:
        return trouble.problem.detail
    except UNREADABLE as error:
        return f"it cannot be read: {error}"


def why_not(
    served: Sequence[x509.Certificate],
    *,
    anchor: x509.Certificate,
    names: Collection[str],
    addresses: Collection[IPAddress],
    now: datetime,
) -> str | None:
    """As `verify`, of what is read already. Raises one of UNREADABLE."""
    if not served or not (names or addresses):
        return "there is no certificate, or nothing that it is for"
    policy = PolicyBuilder().store(Store([anchor])).time(now)
    subjects = [*sorted(names), *sorted(addresses, key=str)]
    for subject in subjects:
        try:
            policy.build_server_verifier(_subject(subject)).verify(served[0], list(served[1:]))
        except VerificationError as error:
            why = str(error).partition(" (encountered")[0]  # then the certificate, without a name
            return f"for {subject} it does not verify: {why}"
        except ValueError as error:  # such as a pattern: `*.svc`
            return f"{subject!r} is not the name of a server: {error}"
    return None


def _subject(subject: str | IPAddress) -> x509.DNSName | x509.IPAddress:
    return x509.DNSName(subject) if isinstance(subject, str) else x509.IPAddress(subject)


def read_chain(pem: bytes, *, where: str) -> tuple[x509.Certificate, ...]:
    """Every certificate in it. Raises BadInput (bundle-malformed) or one of UNREADABLE."""
    ders = scan_certificates(pem.decode("utf-8", errors="replace"), where=where)
    return tuple(map(x509.load_der_x509_certificate, ders))
