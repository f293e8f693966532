"""A bundle is refused whole, each rule with its own reason; what is accepted is a set."""

import ssl
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInput, Reason
from agent.planning import trust_bundle
from agent.planning.model import HEADER, BundleObject, TrustBundle
from agent.planning.trust_bundle import (
    MAX_BUNDLE_BYTES,
    parse_trust_file,
    read_revoked,
    read_trust_bundle,
    render_trust_file,
    trust_expiry,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CA = x509.BasicConstraints(ca=True, path_length=None)
VERSION_1_ROOT = b64decode(  # openssl x509 -req -signkey: self-signed, 2026 to 2126
    "MIIBFTCBvQIUZHXDsV1asw4obOhzB3i6NYQ/gfUwCgYIKoZIzj0EAwIwDTELMAkG"
    "A1UEAwwCdjEwIBcNMjYxMTIzMjE1MTE4WhgPMjEyNjEwMzAyMTUxMThaMA0xCzAJ"
    "BgNVBAMMAnYxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUYdJGfdcu07zpb51"
    "GqUUFt2duOatcPFUbVnEKpnUcAKGt55t+KIliJxpGCnKNg+k8sKP+bJaINwlIVdb"
    "1i4uqTAKBggqhkjOPQQDAgNHADBEAiA3fmf6d+X2fiLVTzRSJQppS70V/QKxBocl"
    "8dqUXWDOqAIgORio18f2HNxF1z1C7dTCinn33svUq8+v6b1NDUM2VQg="
)


@cache
def key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(1000 + number, ec.SECP256R1())


def certificate(
    name: str = "root",
    *,
    constraints: x509.BasicConstraints | None = CA,
    cert_sign: bool = True,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject, subject, key().public_key(), 1, begins, ends
    ).add_extension(
        x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=cert_sign,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        ),
        critical=True,
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    return builder.sign(key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def pem(*ders: bytes) -> str:
    return "".join(ssl.DER_cert_to_PEM_cert(der) for der in ders)


def private_key() -> str:
    return (
        key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def read(text: str, *, revoked: str = "") -> TrustBundle:
    return read_trust_bundle(BundleObject(where="the bundle", pem=text, revoked=revoked), now=NOW)


def refusal(text: str, *, revoked: str = "") -> BadInput:
    with pytest.raises(BadInput) as refused:
        read(text, revoked=revoked)
    return refused.value


CAS = tuple(certificate(f"ca-{number}") for number in range(4))
LEAF = certificate("leaf", constraints=x509.BasicConstraints(ca=False, path_length=None))
EXPIRED = certificate("old", begins=NOW - 9 * DAY, ends=NOW - DAY)
FUTURE = certificate("next", begins=NOW + DAY, ends=NOW + 9 * DAY)
ROOT = CAS[0]


def test_a_ca_is_accepted_with_its_subject_and_dates() -> None:
    (anchor,) = read(pem(ROOT)).anchors

    assert anchor.der == ROOT
    assert anchor.subject == "commonName=ca-0"
    assert anchor.not_before == NOW - DAY
    assert anchor.not_after == NOW + DAY


def test_expired_and_future_anchors_stay_beside_a_valid_one() -> None:
    assert set(read(pem(EXPIRED, ROOT, FUTURE)).ders) == {EXPIRED, ROOT, FUTURE}


def test_a_subject_with_control_characters_cannot_reach_a_terminal() -> None:
    (anchor,) = read(pem(certificate("a\x1b[31m\nb"))).anchors

    assert anchor.subject.isprintable()


@pytest.mark.parametrize(
    ("what", "text", "reason"),
    [
        ("nothing", "", Reason.BUNDLE_EMPTY),
        ("comments only", "# none yet\n", Reason.BUNDLE_EMPTY),
        ("more than 64 KiB", pem(ROOT) + "#" * MAX_BUNDLE_BYTES, Reason.BUNDLE_TOO_LARGE),
        ("lone surrogates, too many", "\ud800" * 70_000, Reason.BUNDLE_TOO_LARGE),
        ("a private key", pem(ROOT) + private_key(), Reason.BUNDLE_HAS_PRIVATE_KEY),
        ("a key of RSA", "-----BEGIN RSA PRIVATE KEY-----", Reason.BUNDLE_HAS_PRIVATE_KEY),
        ("half a key", pem(ROOT) + private_key()[:60], Reason.BUNDLE_HAS_PRIVATE_KEY),
        ("the end of a key", "-----END EC PRIVATE KEY-----", Reason.BUNDLE_HAS_PRIVATE_KEY),
        ("a key in a comment", "# -----begin private key-----", Reason.BUNDLE_HAS_PRIVATE_KEY),
        ("a key inside a block", pem(ROOT)[:90] + private_key(), Reason.BUNDLE_HAS_PRIVATE_KEY),
        ("a leaf", pem(LEAF), Reason.BUNDLE_HAS_LEAF),
        ("a leaf beside a CA", pem(ROOT, LEAF), Reason.BUNDLE_HAS_LEAF),
        ("no constraints", pem(certificate(constraints=None)), Reason.BUNDLE_HAS_LEAF),
        ("a CA that may not sign", pem(certificate(cert_sign=False)), Reason.BUNDLE_HAS_LEAF),
        ("only expired", pem(EXPIRED), Reason.BUNDLE_EXPIRED),
        ("only not yet valid", pem(FUTURE), Reason.BUNDLE_EXPIRED),
        ("expired and not yet valid", pem(FUTURE, EXPIRED), Reason.BUNDLE_EXPIRED),
    ],
)
def test_a_bundle_is_refused_for(what: str, text: str, reason: Reason) -> None:
    assert refusal(text).problem.reason == reason, what


BODY = pem(ROOT).split("\n", 1)[1]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("another label", pem(ROOT).replace("CERTIFICATE", "TRUSTED CERTIFICATE")),
        ("a request", pem(ROOT).replace("CERTIFICATE", "CERTIFICATE REQUEST")),
        ("no end", pem(ROOT).replace("-----END CERTIFICATE-----", "")),
        ("no begin", BODY),
        ("two begins", "-----BEGIN CERTIFICATE-----\n" + pem(ROOT)),
        ("no line end between blocks", pem(ROOT).rstrip() + pem(ROOT)),
        ("a dash too few", pem(ROOT).replace("-----", "----")),
        ("broken base64", pem(ROOT).replace("MII", "M*I", 1)),
        ("base64 outside ASCII", pem(ROOT).replace("MII", "MÜI", 1)),
        ("a comment inside a block", pem(ROOT).replace("MII", "# x\nMII", 1)),
        ("headers", "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\n" + BODY),
        ("an empty block", pem(b"")),
        ("no DER", pem(b"not a certificate at all")),
        ("DER cut short", pem(ROOT[:-1])),
        ("DER with more behind", pem(ROOT + b"\0")),
        ("two certificates in a block", pem(ROOT + CAS[1])),
    ],
)
def test_a_bundle_is_malformed_with(what: str, text: str) -> None:
    refused = refusal(pem(CAS[1]) + text).problem

    assert refused.reason == Reason.BUNDLE_MALFORMED, what
    assert refused.where == "the bundle"


def test_the_line_of_the_damage_is_named() -> None:
    lines = pem(ROOT).count("\n")

    assert f"line {lines + 1}" in refusal(pem(ROOT) + "-----END CERTIFICATE-----").problem.detail


def test_a_root_of_version_1_is_refused_since_it_does_not_say_that_it_is_a_ca() -> None:
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(cadata=VERSION_1_ROOT)

    assert ctx.cert_store_stats()["x509_ca"] == 1  # what OpenSSL thinks of it
    assert refusal(pem(VERSION_1_ROOT)).problem.reason == Reason.BUNDLE_HAS_LEAF


def test_more_than_32_different_certificates_are_too_many_and_32_are_not() -> None:
    many = [certificate(f"ca-{number}") for number in range(33)]

    assert len(read(pem(*many[:32], *many[:32])).anchors) == 32
    assert refusal(pem(*many)).problem.reason == Reason.BUNDLE_TOO_LARGE


def test_what_is_read_does_not_hang_on_byte_order_marks_and_blanks() -> None:
    text = "\ufeff" + pem(ROOT).replace("\n", "  \r\n\t") + "\ufeff" + pem(CAS[1])

    assert read(text).ders == tuple(sorted((ROOT, CAS[1])))


def test_a_revoked_anchor_is_left_out() -> None:
    first, second = read(pem(ROOT, CAS[1])).anchors

    assert read(pem(ROOT, CAS[1]), revoked=first.sha256).anchors == (second,)


def test_a_bundle_of_revoked_anchors_only_is_refused() -> None:
    (anchor,) = read(pem(ROOT)).anchors

    assert refusal(pem(ROOT), revoked=anchor.sha256).problem.reason == Reason.ALL_ANCHORS_REVOKED


def test_a_bundle_whose_valid_anchor_is_revoked_counts_as_expired() -> None:
    (anchor,) = read(pem(ROOT)).anchors
    refused = refusal(pem(ROOT, EXPIRED), revoked=anchor.sha256)

    assert refused.problem.reason == Reason.BUNDLE_EXPIRED


def _revoking(text: str) -> BundleObject:
    return BundleObject(where="ConfigMap a/b", pem="", revoked=text)


def test_fingerprints_are_read_as_people_write_them() -> None:
    plain, other = "ab" * 32, "cd" * 32
    colons = ":".join(["AB"] * 32)

    assert read_revoked(_revoking(f"# leaked\n{colons}, {other} # x\r\n\t{plain},\n")) == {
        plain,
        other,
    }
    assert read_revoked(_revoking("")) == frozenset()


@pytest.mark.parametrize("word", ["abc", "ab" * 31, "ab" * 33, "zz" * 32, "ab:" * 32, "-----BEGIN"])
def test_anything_else_under_revoked_is_named_and_refused(word: str) -> None:
    with pytest.raises(BadInput, match=word[:20]) as refused:
        read_revoked(_revoking(f"{'ab' * 32}\n{word}"))

    assert refused.value.problem.reason == Reason.BUNDLE_MALFORMED
    assert word in str(refused.value) or len(word) > 20


def test_a_secret_pasted_under_revoked_is_not_repeated_in_full() -> None:
    with pytest.raises(BadInput) as refused:
        read_revoked(_revoking("c2VjcmV0" * 20))

    assert "c2VjcmV0" * 3 not in str(refused.value)


def test_an_endless_list_of_revoked_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadInput) as refused:
        read_revoked(_revoking("," * (MAX_BUNDLE_BYTES + 1)))

    assert refused.value.problem.reason == Reason.BUNDLE_TOO_LARGE


def test_the_file_has_our_header_and_blocks_of_64_columns_in_sorted_order() -> None:
    content = render_trust_file(reversed(CAS))
    lines = content.decode().splitlines(keepends=True)

    assert lines[0] == HEADER
    assert "".join(lines[1:]) == pem(*sorted(CAS))
    assert max(map(len, lines[1:])) == 65


def test_the_file_of_no_certificate_has_none() -> None:
    assert render_trust_file(()) == HEADER.encode()
    assert parse_trust_file(render_trust_file(())) is None


def test_a_file_that_would_not_read_back_is_never_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trust_bundle, "pem_block", lambda _: "")

    with pytest.raises(ValueError, match="does not read back"):
        render_trust_file(CAS)


def test_openssl_reads_what_was_rendered() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=render_trust_file(CAS).decode())

    assert set(context.get_ca_certs(binary_form=True)) == set(CAS)


@pytest.mark.parametrize(
    ("what", "content", "found"),
    [
        ("nothing", b"", None),
        ("other bytes", b"\xff\xfe\x00", None),
        ("a broken block", pem(b"x").encode(), None),
        ("a good block beside broken ones", pem(b"x", ROOT, b"").encode(), (ROOT,)),
        ("a leaf, which Go trusts too", pem(LEAF).encode(), (LEAF,)),
        ("a key beside a CA", (private_key() + pem(ROOT)).encode(), (ROOT,)),
        ("a block with headers", pem(ROOT).replace("MII", "a: b\n\nMII").encode(), None),
        ("one twice, CRLF", pem(ROOT, ROOT).replace("\n", "\r\n").encode(), (ROOT,)),
    ],
)
def test_a_file_on_disk_is_read_tolerantly(
    what: str, content: bytes, found: tuple[bytes, ...] | None
) -> None:
    assert parse_trust_file(content) == found, what


def test_trust_ends_with_the_last_anchor() -> None:
    assert trust_expiry((ROOT, EXPIRED, FUTURE)) == NOW + 9 * DAY
    assert trust_expiry((LEAF, b"no certificate")) is None
    assert trust_expiry(()) is None


COMMENT = st.text(st.characters(codec="utf-8", exclude_characters="-\u2010"), max_size=30)


@given(st.lists(st.tuples(st.sampled_from(CAS), COMMENT), min_size=1), st.booleans())
def test_order_repetition_line_ends_and_comments_change_nothing(
    blocks: list[tuple[bytes, str]], crlf: bool
) -> None:
    text = "".join(f"{comment}\n{pem(der)}" for der, comment in blocks)
    bundle = read(text.replace("\n", "\r\n") if crlf else text)

    assert bundle.ders == tuple(sorted({der for der, _ in blocks}))
    content = render_trust_file(bundle.ders)
    assert parse_trust_file(content) == bundle.ders
    boundaries = {line for line in content.split(b"\n") if line.startswith(b"--")}
    assert boundaries == {b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"}


@given(
    st.lists(st.sampled_from([pem(ROOT), pem(LEAF), "# comment\n", "junk\n"])),
    st.integers(min_value=0),
    st.sampled_from(["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "]),
    st.sampled_from(["BEGIN", "END"]),
)
def test_a_private_key_is_refused_wherever_it_stands(
    parts: list[str], place: int, kind: str, word: str
) -> None:
    parts.insert(place % (len(parts) + 1), f"-----{word} {kind}PRIVATE KEY-----\n")

    assert refusal("".join(parts)).problem.reason == Reason.BUNDLE_HAS_PRIVATE_KEY


@given(st.text(), st.binary(max_size=200))
def test_no_text_and_no_block_is_a_bug(text: str, der: bytes) -> None:
    assert refusal(text + "\n" + pem(der)).problem.reason in {
        Reason.BUNDLE_MALFORMED,
        Reason.BUNDLE_HAS_PRIVATE_KEY,
    }


@given(st.integers(0, len(ROOT) - 1), st.integers(0, 255))
def test_a_damaged_certificate_is_read_or_refused_but_never_a_bug(at: int, byte: int) -> None:
    damaged = ROOT[:at] + bytes([byte]) + ROOT[at + 1 :]
    try:
        assert read(pem(damaged)).ders == (damaged,)
    except BadInput:
        assert damaged != ROOT
