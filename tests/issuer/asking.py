"""Certificate signing requests, as anybody may write them."""

from collections.abc import Sequence
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

KEY = ec.generate_private_key(ec.SECP256R1())
KNATIVE = x509.DNSName("knative.registry.svc")


def request(
    *extensions: x509.ExtensionType,
    names: Sequence[x509.GeneralName] = (KNATIVE,),
    key: PrivateKey = KEY,
) -> bytes:
    """For a stranger's subject, that asks for much."""
    subject = [(NameOID.ORGANIZATION_NAME, "system:masters"), (NameOID.COMMON_NAME, "docker.io")]
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(*part) for part in subject])
    )
    wanted = (x509.SubjectAlternativeName(names), *extensions) if names else extensions
    for extension in wanted:
        builder = builder.add_extension(extension, critical=False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM)
