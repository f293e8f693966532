"""What is known of a certificate or a CA that somebody stored: facts for planning to decide by."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.errors import BadInput, Problem, Reason
from agent.issuer import profiles
from agent.issuer.certificates import KeyPair
from agent.issuer.verification import UNREADABLE, read_chain, why_not
from agent.planning.trust_model import Authority, Leaf


def authority_facts(*, certificate: bytes, where: str) -> Authority:
    """The one CA in this PEM. `where` names it in messages.

    Raises BadInput (authority-unusable), as do the two that follow.
    """
    found = all_authority_facts(certificates=certificate, where=where)
    if len(found) != 1:
        _unusable(where, f"{len(found)} certificates are there instead of one")
    return found[0]


def all_authority_facts(*, certificates: bytes, where: str) -> tuple[Authority, ...]:
    """Every CA in this PEM, in order."""
    try:
        return tuple(map(_authority, read_chain(certificates, where=where)))
    except BadInput as trouble:
        _unusable(where, trouble.problem.detail)
    except UNREADABLE as error:
        _unusable(where, str(error))


def signer_facts(*, pair: KeyPair, where: str) -> Authority:
    """A CA of ours with its own key, fit to sign."""
    authority = authority_facts(certificate=pair.certificate, where=where)
    (certificate,) = read_chain(pair.certificate, where=where)
    if not profiles.may_sign(certificate):
        _unusable(where, "it is not a CA as the trust controller makes them")
    if not _is_own(pair.key, certificate):
        _unusable(where, "the key beside it is not its own")
    return authority


def leaf_facts(
    *, pair: KeyPair, authorities: Iterable[bytes], cross: bytes = b"", now: datetime
) -> Leaf | None:
    """A server's certificate as it is stored; None where none can be read.

    `authorities` are our CAs, PEM; `cross` is what alone may follow the certificate, if not empty.
    Sound is a chain that verifies at `now` by the CA that signed it, for every name and address in
    it, and that is stored with its own key.
    """
    try:
        chain = read_chain(pair.certificate, where="the chain")
        known = [root for pem in authorities for root in read_chain(pem, where="a CA")]
        return _leaf(chain, key=pair.key, known=known, cross=cross, now=now) if chain else None
    except (BadInput, *UNREADABLE):
        return None


def _leaf(
    chain: Sequence[x509.Certificate],
    *,
    key: bytes,
    known: Sequence[x509.Certificate],
    cross: bytes,
    now: datetime,
) -> Leaf:
    leaf, *above = chain
    names, addresses = profiles.reached(leaf.extensions)
    signer = next((root for root in known if _has_signed(root, leaf)), None)
    is_sound = (
        signer is not None
        and _is_own(key, leaf)
        and (not cross or not above or above == list(read_chain(cross, where="the cross")))
        and why_not(chain, anchor=signer, names=names, addresses=addresses, now=now) is None
    )
    return Leaf(
        signer=_fingerprint(signer) if signer is not None else "",
        names=names,
        addresses=addresses,
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        crossed=bool(above),
        is_sound=is_sound,
    )


def _authority(certificate: x509.Certificate) -> Authority:
    if not _is_authority(certificate):
        raise ValueError("it is not the certificate of a CA")
    return Authority(
        sha256=_fingerprint(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        constraints=profiles.constraints_of(certificate),
    )


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.value.ca


def _is_own(key: bytes, certificate: x509.Certificate) -> bool:
    """Whether it is the private key of this certificate; text that is no key is not."""
    try:
        return load_pem_private_key(key, None).public_key() == certificate.public_key()
    except (TypeError, *UNREADABLE):  # TypeError: the key is encrypted
        return False


def _has_signed(root: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(root)
    except (InvalidSignature, TypeError, ValueError):  # TypeError: its key cannot sign
        return False
    return True


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _unusable(where: str, detail: str) -> NoReturn:
    raise BadInput(Problem(reason=Reason.AUTHORITY_UNUSABLE, where=where, detail=detail))
