"""What the controller knows of a CA, or of a certificate, that somebody stored."""

from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_network
from ssl import PEM_cert_to_DER_cert

import pytest

from agent.errors import BadInput, Reason
from agent.issuer.certificates import KeyPair, cross_sign, issue
from agent.issuer.facts import all_authority_facts, authority_facts, leaf_facts, signer_facts
from agent.planning.trust_model import BACKDATE, Constraints, Leaf
from tests import anchors
from tests.ground import certificates
from tests.issuer.pairs import ADDRESSES, DAY, NAMES, NOW, SUBTREES, authority, leaf

OLD, NEW = authority(), authority()
UNLIMITED = certificates.Authority.create()
CROSS = cross_sign(new=NEW.certificate, old=OLD, now=NOW)


def fingerprint(pair: KeyPair) -> str:
    return sha256(PEM_cert_to_DER_cert(pair.certificate.decode())).hexdigest()


def facts(pair: KeyPair, *, cross: bytes = b"") -> Leaf:
    known = [OLD.certificate + NEW.certificate]
    found = leaf_facts(pair=pair, authorities=known, cross=cross, now=NOW)
    assert found is not None
    return found


def with_cross(cross: bytes) -> KeyPair:
    pair = leaf(NEW)
    return replace(pair, certificate=pair.certificate + cross)


class TestAuthority:
    def test_is_known_by_its_fingerprint_its_dates_and_its_constraints(self) -> None:
        networks = frozenset({ip_network("10.96.0.0/12"), ip_network("fd00:10:96::/108")})
        found = signer_facts(pair=authority(networks=networks), where="here")

        assert found.constraints == Constraints(names=SUBTREES, networks=networks)
        assert (found.made_at, found.not_after) == (NOW, NOW + 730 * DAY)

    def test_is_found_among_several(self) -> None:
        found = all_authority_facts(certificates=OLD.certificate + NEW.certificate, where="here")

        assert [one.sha256 for one in found] == [fingerprint(OLD), fingerprint(NEW)]

    def test_without_constraints_may_sign_for_nothing(self) -> None:
        found = authority_facts(certificate=anchors.pem(1).encode(), where="here")

        assert found.constraints == Constraints(names=frozenset())

    @pytest.mark.parametrize(
        ("certificate", "detail"),
        [
            (b"", "0 certificates"),
            (OLD.certificate + NEW.certificate, "2 certificates"),
            (OLD.certificate[:-30], "does not end"),
            (OLD.certificate.replace(b"MII", b"AII", 1), ""),
            (OLD.key, "out of place"),
            (leaf(OLD).certificate, "not the certificate of a CA"),
        ],
    )
    def test_that_cannot_be_read_is_refused(self, certificate: bytes, detail: str) -> None:
        with pytest.raises(BadInput, match="Secret a/b") as refusal:
            authority_facts(certificate=certificate, where="Secret a/b")

        assert refusal.value.problem.reason is Reason.AUTHORITY_UNUSABLE
        assert detail in refusal.value.problem.detail

    @pytest.mark.parametrize(
        "pair",
        [
            replace(OLD, key=NEW.key),
            replace(OLD, key=b""),
            replace(OLD, key=b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            KeyPair(certificate=anchors.pem(1).encode(), key=NEW.key),
            KeyPair(certificate=CROSS, key=NEW.key),
            KeyPair(
                certificate=UNLIMITED.pem.encode(),
                key=UNLIMITED.key_pem.encode(),
            ),
        ],
    )
    def test_signs_only_with_its_own_key_and_all_it_has_to_say(self, pair: KeyPair) -> None:
        with pytest.raises(BadInput, match="authority-unusable"):
            signer_facts(pair=pair, where="here")


class TestLeaf:
    def test_is_known_by_who_signed_it_and_what_it_is_for(self) -> None:
        assert facts(leaf(NEW)) == Leaf(
            signer=fingerprint(NEW),
            names=NAMES,
            addresses=ADDRESSES,
            not_before=NOW - BACKDATE,
            not_after=NOW + 90 * DAY,
        )

    def test_may_go_on_to_the_previous_authority(self) -> None:
        assert facts(with_cross(CROSS), cross=CROSS) == replace(facts(leaf(NEW)), crossed=True)

    def test_of_strangers_has_no_signer(self) -> None:
        found = facts(leaf(authority()))

        assert (found.signer, found.is_sound) == ("", False)

    @pytest.mark.parametrize(
        "pair",
        [
            replace(leaf(NEW), key=leaf(NEW).key),
            replace(leaf(NEW), key=b"nonsense"),
            with_cross(leaf(OLD).certificate),
            with_cross(CROSS + CROSS),
            issue(names={"knative.other.svc"}, addresses=(), authority=NEW, now=NOW, lifetime=DAY),
            issue(names={"*.registry.svc"}, addresses=(), authority=NEW, now=NOW, lifetime=DAY),
            issue(names=NAMES, addresses=(), authority=NEW, now=NOW - 3 * DAY, lifetime=DAY),
            issue(names=NAMES, addresses=(), authority=NEW, now=NOW + 3 * DAY, lifetime=DAY),
        ],
    )
    def test_is_not_sound_when_no_client_could_use_it_as_it_is(self, pair: KeyPair) -> None:
        assert not facts(pair, cross=CROSS).is_sound

    @pytest.mark.parametrize("chain", [b"", b"nonsense", OLD.key, OLD.certificate[:-40]])
    def test_is_none_where_none_can_be_read(self, chain: bytes) -> None:
        pair = KeyPair(certificate=chain, key=NEW.key)

        assert leaf_facts(pair=pair, authorities=[OLD.certificate], now=NOW) is None

    def test_ends_no_later_than_its_authority(self) -> None:
        short = authority(lifetime=30 * DAY)
        found = leaf_facts(pair=leaf(short), authorities=[short.certificate], now=NOW)

        assert found is not None
        assert found.not_after == NOW + 30 * DAY


def test_no_key_is_shown() -> None:
    assert b"PRIVATE KEY" in OLD.key
    assert "PRIVATE" not in f"{OLD} {OLD!r}"
