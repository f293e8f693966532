"""CAs that only their keys tell apart: one name, and no key identifiers anywhere."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ground.certificates import Certificate

DAY = timedelta(days=1)
CA_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "one name")])
LEAF_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")])


def ca_and_certificate(address: str) -> tuple[bytes, Certificate]:
    """The DER of a new CA of that name, and what it issued for an address."""
    ca_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _builder(CA_NAME, ca_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    leaf = _builder(LEAF_NAME, leaf_key).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
    )
    ca_der = ca.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    leaf_pem = leaf.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    key_pem = leaf_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return ca_der, Certificate(chain_pem=leaf_pem.decode(), key_pem=key_pem.decode())


def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer_name=CA_NAME,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - DAY,
        not_valid_after=now + DAY,
    )
