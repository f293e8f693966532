"""The bundle as it is published: which CAs are in it since when, and the text that says so.

The text depends on the set of certificates alone, so that nothing that follows it is woken without
a cause. Beside our own CAs, `ca.crt`, there is one bundle more for each namespace that has foreign
ones, `<namespace>.ca.crt`: whoever trusts it does so for the registries of that namespace only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from agent.errors import BadInput, Problem
from agent.planning.hostnames import is_label
from agent.planning.model import BundleObject
from agent.planning.node_state import PREFIX
from agent.planning.pem import find_certificates, malformed, pem_block
from agent.planning.stored_objects import ConfigMapObject
from agent.planning.trust_bundle import read_revoked, read_trust_bundle
from agent.planning.trust_model import Published

NAMESPACE = "registry-trust"
NAME = "registry-trust"
EXTRA_NAME = "extra"
CA_KEY, REVOKED_KEY = "ca.crt", "revoked"
PUBLISHED_AT = PREFIX + "published-at"

_EXTRA_SUFFIX = ".crt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """Foreign CAs, DER, by the namespace that they are for; `problems` has those refused."""

    by_namespace: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def fingerprint(der: bytes) -> str:
    """SHA-256, lower-case hex."""
    return sha256(der).hexdigest()


def read_published(bundle: ConfigMapObject | None) -> Published:
    """What stands there, whoever wrote it; what is no certificate is passed over."""
    if bundle is None:
        return Published()
    anchors = frozenset(map(fingerprint, anchors_in(bundle)))
    return Published(
        anchors=anchors,
        revoked=_revoked(bundle),
        since=read_moment(bundle.annotations.get(PUBLISHED_AT, "")),
    )


def anchors_in(bundle: ConfigMapObject | None) -> tuple[bytes, ...]:
    """The certificates under `ca.crt`, DER."""
    text = bundle.data.get(CA_KEY, "") if bundle else ""
    return tuple(find_certificates(text))


def bundle_object(
    *,
    anchors: Iterable[bytes],
    revoked: frozenset[str],
    extras: Extras,
    present: ConfigMapObject | None,
    now: datetime,
) -> ConfigMapObject:
    """The ConfigMap as it has to be. It is as old as the set of our anchors in it."""
    own = frozenset(anchors)
    data = {CA_KEY: _text(own)}
    data |= {
        f"{namespace}.{CA_KEY}": _text(own.union(foreign))
        for namespace, foreign in extras.by_namespace.items()
    }
    if revoked:
        data[REVOKED_KEY] = "".join(f"{sha}\n" for sha in sorted(revoked))
    known = read_published(present)
    same = known.anchors == frozenset(map(fingerprint, own))
    since = known.since if same and known.since else now
    return ConfigMapObject(
        namespace=NAMESPACE, name=NAME, data=data, annotations={PUBLISHED_AT: moment(since)}
    )


def read_extras(config_map: ConfigMapObject | None, *, now: datetime) -> Extras:
    """Foreign CAs: under `<namespace>.crt`, the bundle for the registries of that namespace."""
    if config_map is None:
        return Extras()
    found: dict[str, tuple[bytes, ...]] = {}
    problems: list[Problem] = []
    for key, text in sorted(config_map.data.items()):
        where = f"{config_map}, key {key}"
        namespace = key.removesuffix(_EXTRA_SUFFIX)
        try:
            if not key.endswith(_EXTRA_SUFFIX) or not is_label(namespace):
                raise malformed(where, "a key has to be NAMESPACE.crt")
            bundle = read_trust_bundle(BundleObject(where=where, pem=text), now=now)
        except BadInput as refusal:
            problems.append(refusal.problem)
        else:
            found[namespace] = tuple(anchor.der for anchor in bundle.anchors)
    return Extras(by_namespace=found, problems=tuple(problems))


def moment(when: datetime) -> str:
    """A time as it is written in an annotation."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def is_published(present: ConfigMapObject, wanted: ConfigMapObject) -> bool:
    """Whether nothing has to be written."""
    return (
        present.data == wanted.data
        and not present.has_binary
        and wanted.annotations.items() <= present.annotations.items()
    )


def read_moment(text: str) -> datetime | None:
    """Back from what `moment` wrote; None for what is no such time."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else None


def _text(ders: Iterable[bytes]) -> str:
    return "".join(map(pem_block, sorted(ders)))


def _revoked(bundle: ConfigMapObject) -> frozenset[str]:
    try:
        return read_revoked(
            BundleObject(where=str(bundle), pem="", revoked=bundle.data.get(REVOKED_KEY, ""))
        )
    except BadInput:
        return frozenset({"unreadable"})  # is none that we wrote, so it is written anew
