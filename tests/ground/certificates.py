"""Certificate authorities and serving certificates, good ones and every kind of bad one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_DAYS = 730
_LEAF_DAYS = 90
_BACKDATED = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What a server is given: its certificate with the intermediates after it, and its key."""

    chain_pem: str
    key_pem: str = field(repr=False)

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.chain_pem.encode())


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A CA: a root, or an intermediate with `above` it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    above: tuple[x509.Certificate, ...] = ()

    @classmethod
    def create(
        cls,
        *,
        name: str = "test registry CA",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        permitted_dns: Sequence[str] = (),
    ) -> Self:
        """A new root; `permitted_dns` become critical name constraints."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        builder = _builder(subject, subject, key, not_before, not_after, _CA_DAYS)
        builder = _as_authority(builder, key, path_length=1)
        if permitted_dns:
            names = [x509.DNSName(dns) for dns in permitted_dns]
            limits = x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None)
            builder = builder.add_extension(limits, critical=True)
        return cls(certificate=builder.sign(key, hashes.SHA256()), key=key)

    def intermediate(self, *, name: str = "test registry intermediate") -> "Authority":
        """A CA signed by this one; what it issues carries the chain up to, not with, the root."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self.certificate.subject, key, None, None, _CA_DAYS - 1)
        builder = _as_authority(builder, key, path_length=0)
        signed = self._sign(builder)
        return Authority(certificate=signed, key=key, above=(signed, *self.above))

    def cross_sign(self, other: "Authority") -> "Authority":
        """The other CA, so that its chains also end at this root."""
        name = other.certificate.subject
        builder = _builder(name, self.certificate.subject, other.key, None, None, _CA_DAYS - 1)
        signed = self._sign(_as_authority(builder, other.key, path_length=0))
        return Authority(certificate=other.certificate, key=other.key, above=(signed, *self.above))

    def issue(
        self,
        *,
        dns: Sequence[str] = (),
        ips: Sequence[str] = (),
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Certificate:
        """A serving certificate with an empty subject: its names are all in the critical SAN."""
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
        names += [x509.IPAddress(ip_address(ip)) for ip in ips]
        return self._issue(
            x509.Name([]),
            usage=ExtendedKeyUsageOID.SERVER_AUTH,
            names=names,
            not_before=not_before,
            not_after=not_after,
        )

    def issue_client(self, name: str, *, groups: Sequence[str] = ()) -> Certificate:
        """A client certificate as Kubernetes reads it: the user, and the groups it is in."""
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject += [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        return self._issue(x509.Name(subject), usage=ExtendedKeyUsageOID.CLIENT_AUTH)

    @property
    def pem(self) -> str:
        """The CA's own certificate."""
        return _pem(self.certificate)

    @property
    def key_pem(self) -> str:
        """The CA's private key: what must never be in a bundle."""
        return _key_pem(self.key)

    @property
    def sha256(self) -> str:
        """The fingerprint, as lower-case hexadecimal digits."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def _issue(
        self,
        subject: x509.Name,
        *,
        usage: x509.ObjectIdentifier,
        names: Sequence[x509.GeneralName] = (),
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        end = not_after or min(
            datetime.now(tz=UTC) + timedelta(days=_LEAF_DAYS),
            self.certificate.not_valid_after_utc,
        )
        issuer = self.certificate.subject
        builder = _builder(subject, issuer, key, not_before, end, _LEAF_DAYS)
        if names:
            san = x509.SubjectAlternativeName(names)
            builder = builder.add_extension(san, critical=True)
        constraints = x509.BasicConstraints(ca=False, path_length=None)
        builder = builder.add_extension(constraints, critical=True)
        builder = builder.add_extension(_usage(), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        leaf = self._sign(builder.add_extension(own, critical=False))
        chain = "".join(map(_pem, (leaf, *self.above)))
        return Certificate(chain_pem=chain, key_pem=_key_pem(key))

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        public = self.key.public_key()
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(public)
        builder = builder.add_extension(above, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def bundle(*authorities: Authority) -> str:
    """A trust bundle of several CAs."""
    return "".join(authority.pem for authority in authorities)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    not_before: datetime | None,
    not_after: datetime | None,
    days: int,
) -> x509.CertificateBuilder:
    now = datetime.now(tz=UTC)
    end = not_after or now + timedelta(days=days)
    begin = not_before or min(now, end - timedelta(hours=1)) - _BACKDATED
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=end,
    )


def _as_authority(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, *, path_length: int
) -> x509.CertificateBuilder:
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return (
        builder.add_extension(constraints, critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(own, critical=False)
    )


def _usage(*, authority: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
