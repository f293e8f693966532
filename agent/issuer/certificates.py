"""Makes CAs and serving certificates. Keys are P-256, signatures SHA-256: every client has those.

Nothing here knows of Kubernetes or of time passing: bytes in, bytes out, and `now` is an argument.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from agent.issuer import profiles
from agent.planning.model import IPAddress
from agent.planning.trust_model import Constraints


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate, PEM, with the chain above it, if any; and its key, PKCS #8 in PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def make_authority(*, constraints: Constraints, now: datetime, lifetime: timedelta) -> KeyPair:
    """A new CA. Raises ValueError where the constraints have a name that cannot be one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = profiles.authority_name(key.public_key(), now=now)
    builder = profiles.authority(
        subject=subject,
        key=key.public_key(),
        constraints=profiles.to_extension(constraints),
        path_length=profiles.BELOW_ROOT,
        now=now,
        not_after=now + lifetime,
    )
    signed = builder.issuer_name(subject).sign(key, hashes.SHA256())
    return KeyPair(certificate=signed.public_bytes(Encoding.PEM), key=_key_pem(key))


def cross_sign(*, new: bytes, old: KeyPair, now: datetime) -> bytes:
    """The new CA's certificate a second time, signed by the old CA: PEM.

    With it in the chain, who trusts only the old CA can verify what the new one signs. It ends
    with the first of the two. Empty when the old CA has ended: nobody verifies by it any more.
    Raises ValueError when one of them cannot be read.
    """
    above, known = _certificate(old.certificate), _certificate(new)
    not_after = min(above.not_valid_after_utc, known.not_valid_after_utc)
    if not_after <= now:
        return b""
    constraints = known.extensions.get_extension_for_class(x509.NameConstraints).value
    builder = profiles.authority(
        subject=known.subject,
        key=known.public_key(),
        constraints=constraints,
        path_length=profiles.BELOW_CROSS,
        now=now,
        not_after=not_after,
    )
    return _signed(builder, authority=old)


def issue(
    *,
    names: Collection[str],
    addresses: Collection[IPAddress],
    authority: KeyPair,
    cross: bytes = b"",
    now: datetime,
    lifetime: timedelta,
) -> KeyPair:
    """A serving certificate with a key of its own, followed by `cross`. Raises as `certify`."""
    key = ec.generate_private_key(ec.SECP256R1())
    chain = certify(
        key=key.public_key(),
        names=names,
        addresses=addresses,
        authority=authority,
        cross=cross,
        now=now,
        lifetime=lifetime,
    )
    return KeyPair(certificate=chain, key=_key_pem(key))


def certify(
    *,
    key: CertificatePublicKeyTypes,
    names: Collection[str],
    addresses: Collection[IPAddress],
    authority: KeyPair,
    cross: bytes = b"",
    now: datetime,
    lifetime: timedelta,
) -> bytes:
    """A serving certificate for somebody's key, followed by `cross`: PEM.

    It does not outlive its CA. Raises ValueError when the CA has ended or cannot be read, where
    there is no name and no address, or one that cannot be one.
    """
    if not names and not addresses:
        raise ValueError("a certificate needs a name or an address")
    above = _certificate(authority.certificate)
    not_after = min(now + lifetime, above.not_valid_after_utc)
    if not_after <= now:
        message = f"the CA ended at {not_after.isoformat()}"
        raise ValueError(message)
    builder = profiles.serving(
        key=key, names=names, addresses=addresses, now=now, not_after=not_after
    )
    return _signed(builder, authority=authority) + cross


def _signed(builder: x509.CertificateBuilder, *, authority: KeyPair) -> bytes:
    above, key = _certificate(authority.certificate), load_pem_private_key(authority.key, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != above.public_key():
        raise ValueError("the CA's key is not its own")
    own = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        above.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    )
    named = builder.issuer_name(above.subject).add_extension(own, critical=False)
    return named.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
