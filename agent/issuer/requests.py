"""Signs what somebody asks for by a certificate signing request (PKCS #10), as little as possible.

A request is written by a stranger. Only its key is used: the certificate is for exactly what the
caller allows, and has our profile. Whoever asks for what must not be gets none, and is told why.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.errors import BadInput, Problem, Reason
from agent.issuer import profiles
from agent.issuer.certificates import KeyPair, certify
from agent.issuer.verification import UNREADABLE
from agent.planning.model import IPAddress

MAX_REQUEST_BYTES = 64 * 1024

_CURVES = (ec.SECP256R1, ec.SECP384R1)
_RSA_BITS = range(2048, 8193)  # Go takes no larger one (crypto/tls, maxRSAKeySize)
_BOUNDARY = b"-----BEGIN"
_SHOWN = 80  # of a name: a stranger wrote it


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """What is asked for, read and found honest: its signature is by its own key."""

    names: frozenset[str]
    addresses: frozenset[IPAddress]
    key: CertificatePublicKeyTypes = field(repr=False)


def read_request(*, request: bytes, where: str) -> CertificateRequest:
    """A PEM request for a server's certificate; `where` names the object in messages.

    Raises BadInput (request-refused) when it is too large, is no single request, is not signed by
    its own key, has a key that not every client takes (RSA of 2048 to 8192 bits, P-256 or P-384),
    or asks for anything but DNS names and addresses of a server: to be a CA, another usage.
    """
    if len(request) > MAX_REQUEST_BYTES:
        _refuse(where, f"{len(request)} bytes are more than {MAX_REQUEST_BYTES}")
    if request.count(_BOUNDARY) != 1:
        _refuse(where, "it is not one PEM block of type CERTIFICATE REQUEST")
    try:
        found = x509.load_pem_x509_csr(request)
        key = found.public_key()
        names, addresses = profiles.reached(found.extensions)
        refusal = next(_refusals(found, key=key), "")
    except UNREADABLE as error:
        _refuse(where, f"it cannot be read: {error}")
    if refusal:
        _refuse(where, refusal)
    return CertificateRequest(names=names, addresses=addresses, key=key)


def sign_request(
    *,
    request: bytes,
    where: str,
    names: Collection[str],
    addresses: Collection[IPAddress],
    authority: KeyPair,
    cross: bytes = b"",
    now: datetime,
    lifetime: timedelta,
) -> bytes:
    """A certificate for the request's key and for exactly these names and addresses: PEM.

    What the request leaves out it gets as well: few know the addresses of Services. Raises
    BadInput (request-refused) as `read_request` does, and naming what it asks for that is not
    among them; ValueError as `certify` does.
    """
    asked = read_request(request=request, where=where)
    foreign = sorted(asked.names - set(names))
    foreign += sorted(str(address) for address in asked.addresses - set(addresses))
    if foreign:
        _refuse(where, f"it asks for {_shown(foreign[0])}, which is not for it")
    return certify(
        key=asked.key,
        names=names,
        addresses=addresses,
        authority=authority,
        cross=cross,
        now=now,
        lifetime=lifetime,
    )


def _refusals(
    request: x509.CertificateSigningRequest, *, key: CertificatePublicKeyTypes
) -> Iterator[str]:
    if not _is_taken_by_all(key):
        yield "its key is neither RSA with 2048 to 8192 bits, nor P-256, nor P-384"
    if not request.is_signature_valid:
        yield "it is not signed by its own key"
    for extension in request.extensions:
        yield from _refusals_of(extension.value)


def _refusals_of(value: x509.ExtensionType) -> Iterator[str]:
    match value:
        case x509.BasicConstraints(ca=True):
            yield "it asks to be a CA"
        case x509.KeyUsage(key_cert_sign=True) | x509.KeyUsage(crl_sign=True):
            yield "it asks to sign certificates"
        case x509.ExtendedKeyUsage() if set(value) != {ExtendedKeyUsageOID.SERVER_AUTH}:
            yield "it asks for another usage than server auth"
        case x509.SubjectAlternativeName():
            others = (name for name in value if not isinstance(name, x509.DNSName | x509.IPAddress))
            yield from (f"it asks for {_shown(str(name.value))}" for name in others)
        case (
            x509.BasicConstraints()
            | x509.KeyUsage()
            | x509.ExtendedKeyUsage()
            | x509.SubjectKeyIdentifier()
        ):
            pass
        case _:
            yield f"it asks for the extension {value.oid.dotted_string}"


def _is_taken_by_all(key: CertificatePublicKeyTypes) -> bool:
    match key:
        case rsa.RSAPublicKey():
            return key.key_size in _RSA_BITS
        case ec.EllipticCurvePublicKey():
            return isinstance(key.curve, _CURVES)
        case _:
            return False


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _refuse(where: str, detail: str) -> NoReturn:
    raise BadInput(Problem(reason=Reason.REQUEST_REFUSED, where=where, detail=detail))
