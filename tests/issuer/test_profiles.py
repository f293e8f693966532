"""What stands in our certificates, to the last field, whatever they are for."""

from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from hypothesis import given
from hypothesis import strategies as st

from agent.issuer.certificates import KeyPair, cross_sign, issue
from agent.issuer.facts import leaf_facts, signer_facts
from agent.issuer.verification import verify
from agent.planning.hostnames import MAX_HOST_LENGTH
from agent.planning.model import IPAddress
from agent.planning.trust_model import BACKDATE, IPNetwork
from tests.issuer.pairs import ADDRESSES, DAY, NAMES, NOW, authority, leaf

_Some = TypeVar("_Some")
_Value = TypeVar("_Value", bound=x509.ExtensionType)

OLD, NEW = authority(), authority()
CRITICAL_IN_A_CA = {
    ExtensionOID.BASIC_CONSTRAINTS: True,
    ExtensionOID.KEY_USAGE: True,
    ExtensionOID.NAME_CONSTRAINTS: True,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
}

labels = st.text("az09", min_size=1, max_size=4) | st.sampled_from(("a-b", "9" * 63))
networks = st.sampled_from(("10.96.0.0/12", "172.20.0.0/16", "fd00:10:96::/108", "2001:db8::/112"))
lifetimes = st.integers(1, 2000).map(lambda hours: timedelta(hours=hours))


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Namespaces and networks that a CA is for, and what a certificate by it is for."""

    subtrees: frozenset[str]
    networks: frozenset[IPNetwork]
    names: frozenset[str]
    addresses: frozenset[IPAddress]


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    domain = ".".join(draw(st.lists(labels, min_size=1, max_size=2)))
    namespaces = draw(st.sets(labels, min_size=1, max_size=2))
    subtrees = [f"{one}.{end}" for one in namespaces for end in ("svc", f"svc.{domain}")]
    names = st.builds(lambda name, tree: f"{name}.{tree}", labels, st.sampled_from(subtrees))
    names = names.filter(lambda name: len(name) <= MAX_HOST_LENGTH)
    allowed = frozenset(map(ip_network, draw(st.sets(networks))))
    inside = (
        st.sampled_from(sorted(allowed, key=str)).flatmap(_inside) if allowed else st.ip_addresses()
    )
    return Wish(
        subtrees=frozenset(subtrees),
        networks=allowed,
        names=frozenset(draw(st.sets(names, min_size=1, max_size=5))),
        addresses=frozenset(draw(st.sets(inside, max_size=4))),
    )


def _inside(network: IPNetwork) -> st.SearchStrategy[IPAddress]:
    match network:
        case IPv4Network():
            return st.ip_addresses(v=4, network=network)
        case IPv6Network():
            return st.ip_addresses(v=6, network=network)


@given(wish=wishes(), lifetime=lifetimes)
def test_what_is_asked_for_within_the_constraints_is_what_is_issued(
    wish: Wish, lifetime: timedelta
) -> None:
    old, new = (authority(names=wish.subtrees, networks=wish.networks) for _ in range(2))
    cross = cross_sign(new=new.certificate, old=old, now=NOW)
    pair = issue(
        names=wish.names,
        addresses=wish.addresses,
        authority=new,
        cross=cross,
        now=NOW,
        lifetime=lifetime,
    )
    known = signer_facts(pair=new, where="here")
    found = leaf_facts(
        pair=pair, authorities=[old.certificate, new.certificate], cross=cross, now=NOW
    )

    assert found is not None
    assert (found.names, found.addresses) == (wish.names, wish.addresses)
    assert (found.signer, found.is_sound, found.crossed) == (known.sha256, True, True)
    assert known.constraints.allow(names=wish.names, addresses=wish.addresses)
    assert not _refused(pair, by=(old, new), wish=wish)


def _refused(pair: KeyPair, *, by: tuple[KeyPair, ...], wish: Wish) -> list[str]:
    answers = (
        verify(
            chain=pair.certificate,
            anchor=one.certificate,
            names=wish.names,
            addresses=wish.addresses,
            now=NOW,
        )
        for one in by
    )
    return [answer for answer in answers if answer is not None]


@given(wish=wishes(), other=wishes(), data=st.data())
def test_planning_and_the_certificate_agree_on_what_an_authority_may_sign(
    wish: Wish, other: Wish, data: st.DataObject
) -> None:
    mixed = replace(
        wish,
        names=data.draw(_some_of(wish.names | other.names, at_least=1)),
        addresses=data.draw(_some_of(wish.addresses | other.addresses)),
    )
    pair = authority(names=wish.subtrees, networks=wish.networks)
    asked = issue(
        names=mixed.names, addresses=mixed.addresses, authority=pair, now=NOW, lifetime=DAY
    )
    constraints = signer_facts(pair=pair, where="here").constraints

    allowed = constraints.allow(names=mixed.names, addresses=mixed.addresses)

    assert allowed is not bool(_refused(asked, by=(pair,), wish=mixed))


def _some_of(values: frozenset[_Some], *, at_least: int = 0) -> st.SearchStrategy[frozenset[_Some]]:
    if not values:
        return st.just(values)
    return st.frozensets(st.sampled_from(sorted(values, key=str)), min_size=at_least, max_size=4)


def test_an_authority_says_what_it_may_sign_and_no_more() -> None:
    root = x509.load_pem_x509_certificate(OLD.certificate)

    assert _critical(root) == CRITICAL_IN_A_CA
    assert root.subject == root.issuer
    assert root.subject != x509.load_pem_x509_certificate(NEW.certificate).subject
    assert _profile(root) == ("secp256r1", "sha256", 730 * DAY + BACKDATE)
    assert _value(root, x509.BasicConstraints) == x509.BasicConstraints(ca=True, path_length=1)


def test_the_new_authority_signed_by_the_old_says_the_same_of_itself() -> None:
    root = x509.load_pem_x509_certificate(NEW.certificate)
    cross = x509.load_pem_x509_certificate(cross_sign(new=NEW.certificate, old=OLD, now=NOW))
    same = (x509.NameConstraints, x509.KeyUsage, x509.SubjectKeyIdentifier)

    assert _critical(cross) == CRITICAL_IN_A_CA | {ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False}
    assert (cross.subject, cross.public_key()) == (root.subject, root.public_key())
    assert cross.issuer == x509.load_pem_x509_certificate(OLD.certificate).subject
    assert [_value(cross, kind) for kind in same] == [_value(root, kind) for kind in same]
    assert _value(cross, x509.BasicConstraints) == x509.BasicConstraints(ca=True, path_length=0)
    assert cross.serial_number != root.serial_number


def test_a_certificate_is_a_servers_and_nothing_else() -> None:
    served = x509.load_pem_x509_certificate(leaf(NEW).certificate)
    usage = _value(served, x509.KeyUsage)

    assert served.subject == x509.Name([])
    assert _critical(served) == {
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME: True,
        ExtensionOID.BASIC_CONSTRAINTS: True,
        ExtensionOID.KEY_USAGE: True,
        ExtensionOID.EXTENDED_KEY_USAGE: False,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False,
    }
    assert set(_value(served, x509.ExtendedKeyUsage)) == {ExtendedKeyUsageOID.SERVER_AUTH}
    assert (usage.digital_signature, usage.key_cert_sign, usage.crl_sign) == (True, False, False)
    assert _profile(served) == ("secp256r1", "sha256", 90 * DAY + BACKDATE)


def test_the_same_set_gives_the_same_names_in_the_same_order() -> None:
    pairs = [
        issue(names=names, addresses=addresses, authority=OLD, now=NOW, lifetime=DAY)
        for names, addresses in (
            (sorted(NAMES), sorted(ADDRESSES, key=str)),
            (sorted(NAMES, reverse=True) * 2, sorted(ADDRESSES, key=str, reverse=True) * 2),
        )
    ]
    first, second = (x509.load_pem_x509_certificate(pair.certificate) for pair in pairs)

    assert _value(first, x509.SubjectAlternativeName) == _value(second, x509.SubjectAlternativeName)
    assert first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()


def _critical(certificate: x509.Certificate) -> dict[x509.ObjectIdentifier, bool]:
    return {extension.oid: extension.critical for extension in certificate.extensions}


def _value(certificate: x509.Certificate, kind: type[_Value]) -> _Value:
    return certificate.extensions.get_extension_for_class(kind).value


def _profile(certificate: x509.Certificate) -> tuple[str, str, timedelta]:
    key, digest = certificate.public_key(), certificate.signature_hash_algorithm
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(digest, hashes.HashAlgorithm)
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return key.curve.name, digest.name, life
