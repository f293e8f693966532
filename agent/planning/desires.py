"""From the view to what is wanted: judged Services and bundles, the last good where one fails.

A view that is incomplete takes nothing away. A Service or bundle that breaks a rule keeps what it
said when it was last good, and the reason is reported. Only a Service that a complete view lacks
counts as gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from agent.errors import BadInput, Problem, Reason
from agent.planning.hostnames import cluster_hostnames
from agent.planning.known_good import GoodService, KnownGood
from agent.planning.model import ClusterView, IPAddress, RegistryName, Route, ServiceObject
from agent.planning.revocation import without_revoked
from agent.planning.service_rules import WITHDRAWN, has_hostnames, judge_service
from agent.planning.trust_bundle import (
    parse_trust_file,
    read_revoked,
    read_trust_bundle,
    render_trust_file,
)

MAX_REGISTRIES = 32


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
    """One registry as wanted. `ders` holds no revoked anchor, and is never empty.

    `revoked` are the fingerprints that must leave at once, `released` the values of the
    apply-held annotations. `proven` is the route that last worked, as far as it is not revoked.
    """

    registry: RegistryName
    hosts: tuple[str, ...]
    addresses: tuple[IPAddress, ...]
    port: int
    ders: tuple[bytes, ...]
    revoked: frozenset[str]
    released: frozenset[str]
    proven: Route | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desires:
    """All that is wanted. A registry in none of the three sets is gone, if `certain`.

    `revoked` are the fingerprints that each bundle says must leave at once, by namespace as in
    `Rules.references`: they leave from what is no longer wanted too.
    """

    wanted: tuple[Desire, ...]
    withdrawn: frozenset[RegistryName]
    kept: frozenset[RegistryName]
    revoked: Mapping[str, frozenset[str]]
    certain: bool
    known_good: KnownGood
    problems: tuple[Problem, ...]

    def revoked_for(self, registry: RegistryName) -> frozenset[str]:
        """The anchors that must not stand in any directory of this registry."""
        return self.revoked.get(registry.namespace, self.revoked[""])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trust:
    """What a bundle comes to, without the revoked anchors; no `ders` where none were ever known."""

    ders: tuple[bytes, ...]
    revoked: frozenset[str] = frozenset()
    apply_held: str = ""
    problems: tuple[Problem, ...] = ()


def desires_of(*, view: ClusterView, known_good: KnownGood, rules: Rules, now: datetime) -> Desires:
    """What is wanted of this node, and the last good view to keep from now on."""
    problems = list(view.problems)
    labelled = {item.registry: item for item in view.services if item.label != WITHDRAWN}
    withdrawn = frozenset(item.registry for item in view.services if item.label == WITHDRAWN)
    services = _judge_services(labelled, view, known_good, rules, problems)
    trusts = {
        reference: _judge_bundle(reference, view, known_good, now)
        for reference in sorted(set(rules.references.values()))
    }
    for reference in sorted({rules.reference_for(name) for name in services}):
        problems.extend(trusts[reference].problems)
    proven = {
        name: replace(route, ders=left)
        for name, route in known_good.proven.items()
        if name in services
        and (left := without_revoked(route.ders, trusts[rules.reference_for(name)].revoked))
    }
    wanted = tuple(
        _desire(service, labelled.get(name), trust, rules, proven.get(name))
        for name, service in sorted(services.items())
        if (trust := trusts[rules.reference_for(name)]).ders
    )
    return Desires(
        wanted=wanted,
        withdrawn=withdrawn,
        kept=(frozenset(labelled) | frozenset(services)) - {item.registry for item in wanted},
        revoked={
            namespace: trusts[reference].revoked
            for namespace, reference in rules.references.items()
        },
        certain=view.complete,
        known_good=KnownGood(
            services=services,
            bundles=_good_bundles(trusts),
            proven=proven,
        ),
        problems=tuple(problems),
    )


def _good_bundles(trusts: Mapping[str, _Trust]) -> dict[str, str]:
    """The bundles to fall back on. A revoked anchor is forgotten too: it must not come back."""
    return {
        reference: render_trust_file(trust.ders).decode()
        for reference, trust in trusts.items()
        if trust.ders
    }


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
        if (name in labelled or (not view.complete and name not in seen))
        and has_hostnames(name, domain=rules.domain)
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
    reference: str, view: ClusterView, known_good: KnownGood, now: datetime
) -> _Trust:
    """The anchors to trust now; those that were last good where the bundle cannot be used."""
    last_good = parse_trust_file(known_good.bundles.get(reference, "").encode()) or ()
    bundle = view.bundles.get(reference)
    if bundle is None:
        problems = _absent_bundle(reference, certain=view.complete, known=bool(last_good))
        return _Trust(ders=last_good, problems=problems)
    revoked = frozenset[str]()
    try:
        revoked = read_revoked(bundle)
        accepted = read_trust_bundle(bundle, now=now)
    except BadInput as refusal:
        return _Trust(
            ders=without_revoked(last_good, revoked),
            revoked=revoked,
            apply_held=bundle.apply_held,
            problems=(refusal.problem,),
        )
    return _Trust(ders=accepted.ders, revoked=revoked, apply_held=bundle.apply_held)


def _absent_bundle(reference: str, *, certain: bool, known: bool) -> tuple[Problem, ...]:
    if not certain and known:
        return ()
    absent = "there is no such object" if certain else "it cannot be seen now"
    return (
        Problem(
            reason=Reason.NO_TRUST_BUNDLE,
            where=reference,
            detail="the last good bundle is kept" if known else absent,
        ),
    )


def _desire(
    service: GoodService,
    item: ServiceObject | None,
    trust: _Trust,
    rules: Rules,
    proven: Route | None,
) -> Desire:
    released = {trust.apply_held, item.apply_held if item else ""} - {""}
    return Desire(
        registry=service.registry,
        hosts=cluster_hostnames(service.registry, port=service.port, domain=rules.domain),
        addresses=service.addresses,
        port=service.port,
        ders=trust.ders,
        revoked=trust.revoked,
        released=frozenset(released),
        proven=proven,
    )
