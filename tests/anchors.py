"""A few real CA certificates, the same bytes in every run: Ed25519 signs without randomness."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


@cache
def anchor(number: int, *, ca: bool = True, ends: datetime = NOW + YEAR) -> bytes:
    """The DER of a self-signed certificate; `number` tells one from another."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA {number}")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1000 + number, NOW - 2 * YEAR, ends
    ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(key, None).public_bytes(Encoding.DER)


def ders(*numbers: int) -> tuple[bytes, ...]:
    """The sorted DER set of some anchors."""
    return tuple(sorted(map(anchor, numbers)))


def pem(*numbers: int) -> str:
    """A bundle as it is published."""
    return "".join(ssl.DER_cert_to_PEM_cert(anchor(number)) for number in numbers)


def fingerprint(number: int) -> str:
    """As it stands under the bundle's key `revoked`."""
    return sha256(anchor(number)).hexdigest()


def trust_sha256(*numbers: int) -> str:
    """A bundle's public name, as an apply-held annotation spells it."""
    return sha256(b"".join(ders(*numbers))).hexdigest()
