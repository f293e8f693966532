"""What somebody may get by a certificate signing request, and what nobody gets."""

import subprocess
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.errors import BadInput, Reason
from agent.issuer.certificates import cross_sign
from agent.issuer.requests import MAX_REQUEST_BYTES, read_request, sign_request
from tests.issuer import verifiers
from tests.issuer.asking import KEY, KNATIVE, PrivateKey, request
from tests.issuer.pairs import ADDRESSES, DAY, NAMES, NOW, authority

OLD, NEW = authority(), authority()
CROSS = cross_sign(new=NEW.certificate, old=OLD, now=NOW)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
KEYS: dict[str, PrivateKey] = {
    "P-256": KEY,
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "RSA 2048": rsa.generate_private_key(65537, 2048),
}
WEAK_KEYS: dict[str, PrivateKey] = {
    "RSA 1024": rsa.generate_private_key(65537, 1024),  # noqa: S505 - that is the point
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}
KIND = "CERTIFICATE REQUEST"

sign = partial(
    sign_request,
    where="CertificateSigningRequest knative",
    names=NAMES,
    addresses=ADDRESSES,
    authority=NEW,
    cross=CROSS,
    now=NOW,
    lifetime=90 * DAY,
)


def usage(*, signs: bool) -> x509.KeyUsage:
    others = ("content_commitment", "data_encipherment", "key_agreement", "crl_sign")
    never = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(
        digital_signature=True, key_encipherment=True, key_cert_sign=signs, **never
    )


def pem(der: bytes) -> bytes:
    text = b64encode(der).decode()
    return f"-----BEGIN {KIND}-----\n{text}\n-----END {KIND}-----\n".encode()


def for_the_key_of_another() -> bytes:
    """As somebody would ask who wants to be taken for the owner of that key."""
    der = x509.load_pem_x509_csr(PLAIN).public_bytes(Encoding.DER)
    other = ec.generate_private_key(ec.SECP256R1())
    return pem(der.replace(public(KEY), public(other)))


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


PLAIN = request()


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("by", [verifiers.go, verifiers.openssl, verifiers.pyca])
def test_the_certificate_convinces_everybody(key: PrivateKey, by: Callable[..., str]) -> None:
    chain = sign(request=request(key=key))

    for trusted in (OLD, NEW):
        args = ([trusted.certificate], chain)
        assert by(*args, names=NAMES, addresses=ADDRESSES, now=NOW) == ""


def test_the_certificate_has_only_the_key_of_the_request() -> None:
    server = x509.ExtendedKeyUsage([SERVER])
    leaf = x509.load_pem_x509_certificate(
        sign(request=request(server, usage(signs=False), names=[]))
    )
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert leaf.public_key() == KEY.public_key()
    assert leaf.subject == x509.Name([])
    assert set(names.get_values_for_type(x509.DNSName)) == NAMES
    assert set(names.get_values_for_type(x509.IPAddress)) == ADDRESSES
    assert leaf.not_valid_after_utc == NOW + 90 * DAY


def test_a_request_made_by_openssl_is_read(tmp_path: Path) -> None:
    program = verifiers.openssl_program()
    wanted = "subjectAltName=DNS:knative.registry.svc,IP:10.96.0.50,IP:fd00:10:96::50"
    options = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "key")]
    done = subprocess.run(  # noqa: S603 - a fixed program, arguments of our own
        [program.executable, "req", "-new", *options, "-subj", "/CN=x", "-addext", wanted],
        capture_output=True,
        check=True,
        env=program.environment,
    )
    found = read_request(request=done.stdout, where="here")

    assert found.names == {"knative.registry.svc"}
    assert found.addresses == ADDRESSES


REFUSED = {
    "a foreign name": (request(names=[KNATIVE, x509.DNSName("docker.io")]), "'docker.io'"),
    "another namespace's": (
        request(names=[x509.DNSName("knative.other.svc")]),
        "'knative.other.svc'",
    ),
    "all names": (request(names=[x509.DNSName("*.registry.svc")]), "'*.registry.svc'"),
    "a name in other letters": (request(names=[x509.DNSName("Knative.registry.svc")]), "'Knative."),
    "a line's end": (request(names=[x509.DNSName("a\nb")]), r"'a\nb'"),
    "a long name": (request(names=[x509.DNSName("a" * 999)]), "...'"),
    "a foreign address": (request(names=[x509.IPAddress(ip_address("192.0.2.1"))]), "'192.0.2.1'"),
    "a network": (request(names=[x509.IPAddress(ip_network("10.96.0.0/12"))]), "cannot be read"),
    "an e-mail address": (request(names=[x509.RFC822Name("root@docker.io")]), "'root@docker.io'"),
    "a URI": (request(names=[x509.UniformResourceIdentifier("spiffe://a")]), "'spiffe://a'"),
    "to be a CA": (request(x509.BasicConstraints(ca=True, path_length=None)), "to be a CA"),
    "to sign": (request(usage(signs=True)), "to sign certificates"),
    "to be a client": (request(x509.ExtendedKeyUsage([SERVER, CLIENT])), "another usage"),
    "stapling": (
        request(x509.TLSFeature([x509.TLSFeatureType.status_request])),
        "the extension 1.3",
    ),
    "another's key": (for_the_key_of_another(), "not signed by its own key"),
    "too much": (request() + b" " * MAX_REQUEST_BYTES, "bytes are more than"),
    "nothing": (b"", "not one PEM block"),
    "two": (request() + request(), "not one PEM block"),
    "a private key beside it": (request() + NEW.key, "not one PEM block"),
    "a certificate": (NEW.certificate, "cannot be read"),
    "half a request": (request()[:-40], "cannot be read"),
    **{name: (request(key=key), "its key is neither") for name, key in WEAK_KEYS.items()},
}


@pytest.mark.parametrize(("asked", "detail"), REFUSED.values(), ids=REFUSED)
def test_nobody_gets(asked: bytes, detail: str) -> None:
    with pytest.raises(BadInput, match="CertificateSigningRequest knative") as refusal:
        sign(request=asked)

    assert refusal.value.problem.reason is Reason.REQUEST_REFUSED
    assert detail in refusal.value.problem.detail


@given(at=st.integers(0, 1000), byte=st.integers(0, 255))
def test_a_request_with_a_byte_changed_is_refused(at: int, byte: int) -> None:
    der = bytearray(x509.load_pem_x509_csr(PLAIN).public_bytes(Encoding.DER))
    assume(der[at % len(der)] != byte)
    der[at % len(der)] = byte

    with pytest.raises(BadInput):
        sign(request=pem(bytes(der)))


@given(st.binary())
def test_what_is_no_request_is_refused(der: bytes) -> None:
    with pytest.raises(BadInput):
        sign(request=pem(der))
