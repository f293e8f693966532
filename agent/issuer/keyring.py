"""The CA Secret: our CAs with their keys, and each change of them as the Secret to be written.

One Secret, so that a switch of CAs is one write: there is no moment in which the new one signs
without having been signed, or in which a key is gone that is still needed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.errors import BadInput, Problem, Reason
from agent.issuer.certificates import KeyPair, cross_sign, make_authority
from agent.issuer.facts import all_authority_facts, authority_facts, signer_facts
from agent.planning.node_state import PREFIX
from agent.planning.pem import find_certificates, pem_block
from agent.planning.published_bundle import NAMESPACE, fingerprint, moment, read_moment
from agent.planning.stored_objects import SecretObject
from agent.planning.trust_model import Authority, Constraints, Keyring, Role

NAME = "registry-ca"
SWITCHED_AT, DEMANDED_AT, COMPROMISED = (
    PREFIX + name for name in ("switched-at", "rotate", "compromised")
)

_CURRENT, _NEXT = Role.CURRENT.value, Role.NEXT.value
_PREVIOUS, _CROSS, _REVOKED = "previous.crt", "cross.crt", "revoked.crt"
_NOTHING = SecretObject(namespace=NAMESPACE, name=NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeyring:
    """The Secret, None where there is none, and what is on it."""

    secret: SecretObject | None
    ring: Keyring

    @property
    def current(self) -> KeyPair:
        """The CA that signs. Raises KeyError where there is none."""
        return _pair(self._data, _CURRENT)

    @property
    def cross(self) -> bytes:
        """The current CA as the one before it signed it; empty where it did not."""
        return self._data.get(_CROSS, b"")

    @property
    def previous(self) -> tuple[bytes, ...]:
        """The CAs that signed before, each in PEM."""
        return tuple(pem_block(der).encode() for der in _ders(self._data.get(_PREVIOUS, b"")))

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """Every CA that somebody may have to trust, DER."""
        keys = (f"{_CURRENT}.crt", f"{_NEXT}.crt", _PREVIOUS)
        return tuple(der for key in keys for der in _ders(self._data.get(key, b"")))

    @property
    def _data(self) -> dict[str, bytes]:
        return dict(self.secret.data) if self.secret else {}


def read_keyring(secret: SecretObject | None) -> StoredKeyring:
    """What the Secret holds. Raises BadInput (authority-unusable) for one that was damaged."""
    if secret is None:
        return StoredKeyring(secret=None, ring=Keyring())
    annotations = secret.annotations
    ring = Keyring(
        current=_authority(secret, _CURRENT),
        next=_authority(secret, _NEXT),
        previous=_authorities(secret, _PREVIOUS),
        crossed=bool(secret.data.get(_CROSS)),
        switched_at=read_moment(annotations.get(SWITCHED_AT, "")),
        demanded_at=read_moment(annotations.get(DEMANDED_AT, "")),
        compromised=frozenset(annotations.get(COMPROMISED, "").split()),
        revoked=_authorities(secret, _REVOKED),
    )
    return StoredKeyring(secret=secret, ring=ring)


def with_new(
    stored: StoredKeyring,
    *,
    role: Role,
    constraints: Constraints,
    orphans: Iterable[bytes],
    now: datetime,
    lifetime: timedelta,
) -> SecretObject:
    """With a new CA. A next one that was there, and the orphans, DER, join the previous ones.

    An orphan that is no CA does not: it may be what somebody wrote into the bundle.
    """
    secret = stored.secret or _NOTHING
    data = dict(secret.data)
    given_up = _ders(data.get(f"{_NEXT}.crt", b""))
    pair = make_authority(constraints=constraints, now=now, lifetime=lifetime)
    data |= {f"{role.value}.crt": pair.certificate, f"{role.value}.key": pair.key}
    marks = dict(secret.annotations)
    if role is Role.CURRENT:
        marks[SWITCHED_AT] = moment(now)
    _mark_compromised(marks, given_up)
    return _changed(
        secret, _with_previous(data, (*given_up, *filter(_is_authority, orphans))), marks
    )


def switched(stored: StoredKeyring, *, cross: bool, now: datetime) -> SecretObject:
    """With the next CA in the place of the current one, of which the public part is left.

    Raises KeyError where there is no next one.
    """
    secret = stored.secret or _NOTHING
    data = dict(secret.data)
    old = _ders(data.get(f"{_CURRENT}.crt", b""))
    coming = _pair(data, _NEXT)
    data[_CROSS] = cross_sign(new=coming.certificate, old=stored.current, now=now) if cross else b""
    data |= {f"{_CURRENT}.crt": coming.certificate, f"{_CURRENT}.key": coming.key}
    del data[f"{_NEXT}.crt"], data[f"{_NEXT}.key"]
    marks = dict(secret.annotations) | {SWITCHED_AT: moment(now)}
    if marks.pop(DEMANDED_AT, ""):
        _mark_compromised(marks, old)
    return _changed(secret, _with_previous(data, old), marks)


def retired(stored: StoredKeyring, *, now: datetime) -> SecretObject:
    """Without previous CAs; the compromised ones are kept as revoked until they end."""
    secret, ring = stored.secret or _NOTHING, stored.ring
    data = dict(secret.data)
    ends = {item.sha256: item.not_after for item in (*ring.previous, *ring.revoked)}
    revoked = _ders(data.get(_REVOKED, b"")) + tuple(
        der for der in _ders(data.pop(_PREVIOUS, b"")) if fingerprint(der) in ring.compromised
    )
    data[_REVOKED] = _pem(der for der in revoked if ends[fingerprint(der)] > now)
    data.pop(_CROSS, None)
    marks = dict(secret.annotations)
    marks.pop(COMPROMISED, None)
    return _changed(secret, data, marks)


def demanded(stored: StoredKeyring, *, now: datetime) -> SecretObject:
    """With the demand for new keys at once. Raises BadInput where there are none yet.

    To the second, as certificates have it: a CA that is made in this second is young enough.
    """
    if stored.secret is None:
        where, detail = f"Secret {NAMESPACE}/{NAME}", "there is no CA yet that could be replaced"
        raise BadInput(Problem(reason=Reason.AUTHORITY_UNUSABLE, where=where, detail=detail))
    marks = dict(stored.secret.annotations) | {DEMANDED_AT: moment(now.replace(microsecond=0))}
    return replace(stored.secret, annotations=marks)


def _changed(secret: SecretObject, data: dict[str, bytes], marks: dict[str, str]) -> SecretObject:
    kept = {key: value for key, value in data.items() if value}
    return replace(secret, data=kept, annotations=marks)


def _with_previous(data: dict[str, bytes], more: Iterable[bytes]) -> dict[str, bytes]:
    known = _ders(data.get(_PREVIOUS, b""))
    return data | {_PREVIOUS: _pem(dict.fromkeys((*known, *more)))}


def _mark_compromised(marks: dict[str, str], ders: Iterable[bytes]) -> None:
    found = {*marks.get(COMPROMISED, "").split(), *map(fingerprint, ders)}
    if found:
        marks[COMPROMISED] = " ".join(sorted(found))


def _is_authority(der: bytes) -> bool:
    try:
        authority_facts(certificate=pem_block(der).encode(), where="")
    except BadInput:
        return False
    return True


def _authority(secret: SecretObject, role: str) -> Authority | None:
    if f"{role}.crt" not in secret.data:
        return None
    where = f"{secret}, {role}.crt"
    return signer_facts(pair=_pair(secret.data, role), where=where)


def _authorities(secret: SecretObject, key: str) -> tuple[Authority, ...]:
    if key not in secret.data:
        return ()
    return all_authority_facts(certificates=secret.data[key], where=f"{secret}, {key}")


def _pair(data: Mapping[str, bytes], role: str) -> KeyPair:
    return KeyPair(certificate=data[f"{role}.crt"], key=data.get(f"{role}.key", b""))


def _ders(pem: bytes) -> tuple[bytes, ...]:
    return tuple(find_certificates(pem.decode("ascii", errors="replace")))


def _pem(ders: Iterable[bytes]) -> bytes:
    return "".join(map(pem_block, ders)).encode()
