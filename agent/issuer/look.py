"""One look at all that trust bootstrapping decides by."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from agent.errors import BadInput, Problem
from agent.issuer import keyring, serving_secret
from agent.issuer.keyring import StoredKeyring, read_keyring
from agent.issuer.serving_secret import read_serving
from agent.planning import published_bundle
from agent.planning.model import IPAddress, ServiceObject
from agent.planning.published_bundle import Extras, read_extras, read_published
from agent.planning.rotation import TrustView
from agent.planning.service_rules import WITHDRAWN, judge_service
from agent.planning.stored_objects import ConfigMapObject, SecretObject, check_ours
from agent.planning.trust_model import Constraints, Reached
from agent.planning.trust_sources import ServedService, ServicesSeen
from agent.ports import Clock
from agent.trust_ports import Objects, Sources

ORDERED = "cert-manager.io/certificate-name"
"""The annotation of a Secret that cert-manager keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that one look showed. By namespace: the serving Secrets, and what is reached how."""

    stored: StoredKeyring
    bundle: ConfigMapObject | None
    extras: Extras
    services: tuple[ServedService, ...]
    secrets: Mapping[str, SecretObject]
    reached: Mapping[str, tuple[Reached, ...]]
    view: TrustView
    problems: tuple[Problem, ...]
    now: datetime

    @property
    def wanted_bundle(self) -> ConfigMapObject:
        """The bundle as it has to be."""
        return published_bundle.bundle_object(
            anchors=self.stored.anchors,
            revoked=frozenset(authority.sha256 for authority in self.view.ring.revoked),
            extras=self.extras,
            present=self.bundle,
            now=self.now,
        )


class Looking:
    """Reads it from the cluster. `namespaces` are those that may have registries."""

    def __init__(
        self,
        *,
        objects: Objects,
        sources: Sources,
        clock: Clock,
        namespaces: tuple[str, ...],
        domain: str,
    ) -> None:
        self._objects = objects
        self._sources = sources
        self._clock = clock
        self._namespaces = namespaces
        self._domain = domain

    def keyring(self) -> StoredKeyring:
        """Our CAs. Raises ClusterTrouble, and BadInput where somebody must mend or delete it."""
        secret = self._objects.secret(published_bundle.NAMESPACE, keyring.NAME)
        check_ours(secret)
        return read_keyring(secret)

    def look(self) -> Seen:
        """As it is now. Raises ClusterTrouble; BadInput where nothing can be done before."""
        now, stored, place = self._clock.now(), self.keyring(), published_bundle.NAMESPACE
        bundle = self._objects.config_map(place, published_bundle.NAME)
        check_ours(bundle)
        extras = read_extras(self._objects.config_map(place, published_bundle.EXTRA_NAME), now=now)
        found = self._sources.services()
        problems = [*found.problems, *extras.problems]
        judged = tuple(self._judged(found.services, problems))
        reached = _by_namespace(judged)
        others = tuple(_others(found, judged))
        namespaces = {*reached, *(one.registry.namespace for one in others)}
        secrets = {
            namespace: secret
            for namespace, secret in self._secrets(sorted(namespaces), reached, problems)
            if namespace in reached or secret is not None
        }
        servings = (
            read_serving(
                namespace,
                reached.get(namespace, ()),
                secret,
                besides=[
                    self._reached(one) for one in others if one.registry.namespace == namespace
                ],
                stored=stored,
                now=now,
            )
            for namespace, secret in secrets.items()
        )
        view = TrustView(
            ring=stored.ring,
            published=read_published(bundle),
            wanted=self._constraints(),
            servings=tuple(servings),
        )
        return Seen(
            stored=stored,
            bundle=bundle,
            extras=extras,
            services=tuple(item for item, _ in judged),
            reached=reached,
            secrets={name: secret for name, secret in secrets.items() if secret is not None},
            view=view,
            problems=tuple(problems),
            now=now,
        )

    def _constraints(self) -> Constraints:
        names = (
            name
            for namespace in self._namespaces
            for name in (f"{namespace}.svc", f"{namespace}.svc.{self._domain}")
        )
        ranges = self._sources.service_ranges()
        return Constraints(names=frozenset(names), networks=ranges or frozenset())

    def _judged(
        self, services: Iterable[ServedService], problems: list[Problem]
    ) -> Iterator[tuple[ServedService, Reached]]:
        """The Services that nodes pull from, with what they are reached by."""
        for item in services:
            if item.service.label == WITHDRAWN:
                continue
            try:
                judge_service(item.service, domain=self._domain)
            except BadInput as refusal:
                problems.append(refusal.problem)
                continue
            yield item, self._reached(item.service)

    def _reached(self, service: ServiceObject) -> Reached:
        """Of a refused one only the addresses that are some: its ClusterIP may be `None`."""
        short = f"{service.registry.name}.{service.registry.namespace}.svc"
        names = frozenset({short, f"{short}.{self._domain}"})
        return Reached(names=names, addresses=frozenset(_addresses(service)))

    def _secrets(
        self,
        namespaces: Iterable[str],
        reached: Mapping[str, tuple[Reached, ...]],
        problems: list[Problem],
    ) -> Iterator[tuple[str, SecretObject | None]]:
        """The serving Secret of each namespace, unless it is somebody else's.

        Which is told where there is a registry.
        """
        for namespace in namespaces:
            secret = self._objects.secret(namespace, serving_secret.NAME)
            if secret is not None and ORDERED in secret.annotations:
                continue  # cert-manager's, as somebody has told it
            try:
                check_ours(secret)
            except BadInput as refusal:
                problems.extend([refusal.problem] if namespace in reached else [])
            else:
                yield namespace, secret


def _others(
    found: ServicesSeen, judged: Iterable[tuple[ServedService, Reached]]
) -> Iterator[ServiceObject]:
    """The Services that are there and that nodes do not pull from, or not any more."""
    good = {item.service.registry for item, _ in judged}
    labelled = (item.service for item in found.services if item.service.label != WITHDRAWN)
    yield from (service for service in labelled if service.registry not in good)
    yield from found.unlabelled


def _addresses(service: ServiceObject) -> Iterator[IPAddress]:
    for text in service.cluster_ips:
        with suppress(ValueError):
            yield ip_address(text)


def _by_namespace(
    judged: Iterable[tuple[ServedService, Reached]],
) -> dict[str, tuple[Reached, ...]]:
    found: dict[str, tuple[Reached, ...]] = {}
    for item, reached in judged:
        namespace = item.service.registry.namespace
        found[namespace] = (*found.get(namespace, ()), reached)
    return found
