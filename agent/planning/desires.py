"""From the view to what is wanted: judged Services and bundles, the last good where one fails.

A view that is incomplete takes nothing away. A Service or bundle that breaks a rule keeps what it
said when it was last good, and the reason is reported. Only a Service that a complete view lacks
counts as gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from agent.errors import BadInput, Problem, Reason
from agent.planning.hostnames import cluster_hostnames
from agent.planning.known_good import GoodService, KnownGood
from agent.planning.model import ClusterView, IPAddress, RegistryName, ServiceObject
from agent.planning.service_rules import judge_service
from agent.planning.trust_bundle import (
    parse_trust_file,
    read_revoked,
    read_trust_bundle,
    render_trust_file,
)

MAX_REGISTRIES = 32
WANTED, WITHDRAWN = "true", "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Settings that planning needs. `references` maps a namespace to its bundle's reference.

    The key "" is the reference of every namespace that has none of its own.
    """

    domain: str
    references: Mapping[str, str]

    def reference_for(self, registry: RegistryName) -> str:
        """The bundle that a registry's nodes shall trust."""
        return self.references.get(registry.namespace, self.references[""])


@dataclass(frozen=True, slots=True, kw_only=True)
class Desire:
    """One registry as wanted. `ders` holds no revoked anchor; empty, it asks for revocation only.

    `revoked` are the fingerprints that must leave at once, `released` the values of the
    apply-held annotations.
    """

    registry: RegistryName
    hosts: tuple[str, ...]
    addresses: tuple[IPAddress, ...]
    port: int
    ders: tuple[bytes, ...]
    revoked: frozenset[str]
    released: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desires:
    """All that is wanted. A registry in none of the three sets is gone, if `certain`."""

    wanted: tuple[Desire, ...]
    withdrawn: frozenset[RegistryName]
    kept: frozenset[RegistryName]
    certain: bool
    known_good: KnownGood
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trust:
    ders: tuple[bytes, ...]
    revoked: frozenset[str]
    apply_held: str


def desires_of(*, view: ClusterView, known_good: KnownGood, rules: Rules, now: datetime) -> Desires:
    """What is wanted of this node, and the last good view to keep from now on."""
    problems = list(view.problems)
    labelled = {item.registry: item for item in view.services if item.label == WANTED}
    withdrawn = frozenset(item.registry for item in view.services if item.label == WITHDRAWN)
    services = _judge_services(labelled, view, known_good, rules, problems)
    trusts = {
        reference: _judge_bundle(reference, view, known_good, now, problems)
        for reference in sorted({rules.reference_for(name) for name in services})
    }
    wanted = [
        _desire(service, labelled.get(name), trusts[rules.reference_for(name)], rules)
        for name, service in sorted(services.items())
    ]
    usable = tuple(desire for desire in wanted if desire is not None)
    return Desires(
        wanted=usable,
        withdrawn=withdrawn,
        kept=(frozenset(labelled) | frozenset(services)) - {item.registry for item in usable},
        certain=view.complete,
        known_good=KnownGood(services=services, bundles=_good_bundles(known_good, trusts)),
        problems=tuple(problems),
    )


def _good_bundles(known_good: KnownGood, trusts: Mapping[str, _Trust | None]) -> dict[str, str]:
    """The bundles to fall back on. A revoked anchor is forgotten too: it must not come back."""
    bundles = dict(known_good.bundles)
    for reference, trust in trusts.items():
        if trust is not None:
            bundles[reference] = render_trust_file(trust.ders).decode()
    return {reference: pem for reference, pem in bundles.items() if parse_trust_file(pem.encode())}


def _judge_services(
    labelled: Mapping[RegistryName, ServiceObject],
    view: ClusterView,
    known_good: KnownGood,
    rules: Rules,
    problems: list[Problem],
) -> dict[RegistryName, GoodService]:
    """Every Service that can be used, in its last good form where the present one cannot."""
    seen = {item.registry for item in view.services}
    services = {
        name: service
        for name, service in known_good.services.items()
        if name in labelled or (not view.complete and name not in seen)
    }
    for name, item in sorted(labelled.items()):
        try:
            services[name] = judge_service(item, domain=rules.domain)
        except BadInput as refusal:
            problems.append(refusal.problem)
    known_first = sorted(services, key=lambda name: (name not in known_good.services, name))
    for name in known_first[MAX_REGISTRIES:]:
        problems.append(_too_many(name))
        del services[name]
    return services


def _too_many(name: RegistryName) -> Problem:
    return Problem(
        reason=Reason.TOO_MANY_REGISTRIES,
        where=f"Service {name}",
        detail=f"{MAX_REGISTRIES} registries are configured already, which is the most",
        registry=str(name),
    )


def _judge_bundle(
    reference: str,
    view: ClusterView,
    known_good: KnownGood,
    now: datetime,
    problems: list[Problem],
) -> _Trust | None:
    """The anchors to trust now, without the revoked ones; None when none was ever known."""
    last_good = parse_trust_file(known_good.bundles.get(reference, "").encode())
    bundle = view.bundles.get(reference)
    if bundle is None:
        problems.extend(_absent_bundle(reference, certain=view.complete, known=bool(last_good)))
        return _last_good(last_good, frozenset(), "")
    revoked = frozenset[str]()
    try:
        revoked = read_revoked(bundle)
        accepted = read_trust_bundle(bundle, now=now)
    except BadInput as refusal:
        problems.append(refusal.problem)
        return _last_good(last_good, revoked, bundle.apply_held)
    return _Trust(ders=accepted.ders, revoked=revoked, apply_held=bundle.apply_held)


def _last_good(
    ders: tuple[bytes, ...] | None, revoked: frozenset[str], apply_held: str
) -> _Trust | None:
    if ders is None and not revoked:
        return None
    left = tuple(der for der in ders or () if sha256(der).hexdigest() not in revoked)
    return _Trust(ders=left, revoked=revoked, apply_held=apply_held)


def _absent_bundle(reference: str, *, certain: bool, known: bool) -> list[Problem]:
    if not certain and known:
        return []
    return [
        Problem(
            reason=Reason.NO_TRUST_BUNDLE,
            where=reference,
            detail="the last good bundle is kept" if known else "there is no such object",
        )
    ]


def _desire(
    service: GoodService,
    item: ServiceObject | None,
    trust: _Trust | None,
    rules: Rules,
) -> Desire | None:
    if trust is None:
        return None
    released = {trust.apply_held, item.apply_held if item else ""} - {""}
    return Desire(
        registry=service.registry,
        hosts=cluster_hostnames(service.registry, port=service.port, domain=rules.domain),
        addresses=service.addresses,
        port=service.port,
        ders=trust.ders,
        revoked=trust.revoked,
        released=frozenset(released),
    )
