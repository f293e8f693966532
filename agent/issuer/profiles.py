"""What our certificates look like: the fewest fields with which every verifier we know agrees.

Checked with OpenSSL's `-x509_strict`, Go's crypto/x509 and `cryptography.x509.verification`; the
tests keep it so. Each CA has a name of its own, so that a chain can be built in one way only. The
constraints stand in the root and are critical: a builder trusts it for everything it talks to, and
Go, OpenSSL and rustls all honour them there.
"""

from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_address, ip_network

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.planning.model import IPAddress
from agent.planning.trust_model import BACKDATE, Constraints

BELOW_ROOT = 1
"""How many CAs there may be below one of ours: the one that replaces it, signed by it."""

BELOW_CROSS = 0

_KEY_NAME_DIGITS = 8  # tells CAs of one day apart


def authority_name(key: CertificatePublicKeyTypes, *, now: datetime) -> x509.Name:
    """A CA's subject, with the day and the key it was made with."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(key).digest.hex()[:_KEY_NAME_DIGITS]
    text = f"registry-node-agent CA {now.date().isoformat()} {identifier}"
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def authority(
    *,
    subject: x509.Name,
    key: CertificatePublicKeyTypes,
    constraints: x509.NameConstraints,
    path_length: int,
    now: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    """A CA that may sign for these names and addresses, with `path_length` CAs below it."""
    builder = _dated(subject=subject, key=key, now=now, not_after=not_after)
    limits = x509.BasicConstraints(ca=True, path_length=path_length)
    return (
        builder.add_extension(limits, critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(constraints, critical=True)
    )


def serving(
    *,
    key: CertificatePublicKeyTypes,
    names: Iterable[str],
    addresses: Iterable[IPAddress],
    now: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    """A server's certificate. Its subject is empty, and who it is for is therefore critical."""
    reached: list[x509.GeneralName] = [x509.DNSName(name) for name in sorted(set(names))]
    in_order = sorted(set(addresses), key=lambda address: (address.version, int(address)))
    reached += [x509.IPAddress(address) for address in in_order]
    builder = _dated(subject=x509.Name([]), key=key, now=now, not_after=not_after)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        builder.add_extension(x509.SubjectAlternativeName(reached), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(server, critical=False)
    )


def to_extension(constraints: Constraints) -> x509.NameConstraints:
    """Constraints as a certificate has them. Of a kind that is not named, everything is allowed."""
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in sorted(constraints.names)]
    networks = sorted(
        constraints.networks,
        key=lambda network: (network.version, int(network.network_address), network.prefixlen),
    )
    names += [x509.IPAddress(network) for network in networks]
    return x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None)


def constraints_of(certificate: x509.Certificate) -> Constraints:
    """What a CA may sign for; nothing where it does not say so. Raises ValueError at nonsense."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return Constraints(names=frozenset())
    permitted = found.value.permitted_subtrees or ()
    return Constraints(
        names=frozenset(item.value for item in permitted if isinstance(item, x509.DNSName)),
        networks=frozenset(
            ip_network(str(item.value)) for item in permitted if isinstance(item, x509.IPAddress)
        ),
    )


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether it says all that a CA of ours has to say: signatures by it can be verified."""
    wanted = {x509.BasicConstraints, x509.KeyUsage, x509.SubjectKeyIdentifier, x509.NameConstraints}
    extensions = {type(extension.value): extension.value for extension in certificate.extensions}
    limits, usage = extensions.get(x509.BasicConstraints), extensions.get(x509.KeyUsage)
    return (
        wanted <= extensions.keys()
        and isinstance(limits, x509.BasicConstraints)
        and limits.path_length == BELOW_ROOT
        and isinstance(usage, x509.KeyUsage)
        and usage.key_cert_sign
    )


def reached(extensions: x509.Extensions) -> tuple[frozenset[str], frozenset[IPAddress]]:
    """The DNS names and the addresses that a certificate or a request is for."""
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset(), frozenset()
    return (
        frozenset(names.get_values_for_type(x509.DNSName)),
        frozenset(ip_address(str(item)) for item in names.get_values_for_type(x509.IPAddress)),
    )


def _dated(
    *, subject: x509.Name, key: CertificatePublicKeyTypes, now: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=(now - BACKDATE).replace(microsecond=0),
        not_valid_after=not_after.replace(microsecond=0),
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, authority: bool) -> x509.KeyUsage:
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
