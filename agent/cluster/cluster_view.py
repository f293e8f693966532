"""From what was seen of the API server to the view: what is wanted, what it comes to.

Like a directory of manifests, it never makes a view smaller for what cannot be seen: a view is
complete only while every selection of objects is known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from agent.cluster.bundle_file import read_bundle_file
from agent.cluster.last_seen import Snapshot
from agent.cluster.objects import (
    Document,
    read_cluster_trust_bundle,
    read_config_map,
    read_service,
)
from agent.cluster.targets import Target, bundle_object, name_of, registry_services
from agent.errors import BadInput, Problem, Reason
from agent.planning.model import BundleObject, ClusterView, ServiceObject
from agent.planning.trust_reference import (
    ClusterTrustBundleReference,
    ConfigMapReference,
    FileReference,
    TrustReference,
)

_NO_ANSWER = Problem(
    reason=Reason.API_UNREACHABLE, where="the API server", detail="it has not answered yet"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The namespaces in which registry Services may live, and where trust bundles are published."""

    namespaces: tuple[str, ...]
    references: tuple[TrustReference, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """What the API server is asked for; one that two references name is there once."""
        services = [registry_services(namespace) for namespace in self.namespaces]
        bundles = [bundle_object(r) for r in self.references if not isinstance(r, FileReference)]
        return tuple({target.name: target for target in (*services, *bundles)}.values())

    @property
    def directories(self) -> tuple[Path, ...]:
        """The directories of `file:` references, whose changes change the view too."""
        files = (Path(r.path).parent for r in self.references if isinstance(r, FileReference))
        return tuple(dict.fromkeys(files))


def view_of(wanted: Wanted, seen: Mapping[str, Snapshot]) -> ClusterView:
    """The view; `seen` has a snapshot by the name of every target."""
    refused: list[Problem] = []
    services: list[ServiceObject] = []
    for namespace in wanted.namespaces:
        for document in seen[registry_services(namespace).name].objects:
            where = f"Service {namespace}/{name_of(document)}"
            try:
                services.append(read_service(document, where=where))
            except BadInput as refusal:
                refused.append(refusal.problem)
    bundles: dict[str, BundleObject] = {}
    for reference in wanted.references:
        try:
            bundle = _bundle(reference, seen)
        except BadInput as refusal:
            refused.append(refusal.problem)
        else:
            if bundle is not None:
                bundles[reference.text] = bundle
    return ClusterView(
        services=tuple(sorted(services, key=lambda service: service.registry)),
        bundles=bundles,
        complete=not refused and all(snapshot.known for snapshot in seen.values()),
        problems=(*_out_of_sight(seen.values()), *refused),
    )


def _bundle(reference: TrustReference, seen: Mapping[str, Snapshot]) -> BundleObject | None:
    match reference:
        case FileReference():
            return read_bundle_file(reference)
        case ConfigMapReference():
            target, document = _selected(reference, seen)
            if document is None:
                return None
            return read_config_map(document, reference=reference, where=target)
        case ClusterTrustBundleReference():
            target, document = _selected(reference, seen)
            if document is None:
                return None
            return read_cluster_trust_bundle(document, reference=reference, where=target)
        case _:
            assert_never(reference)


def _selected(
    reference: ConfigMapReference | ClusterTrustBundleReference, seen: Mapping[str, Snapshot]
) -> tuple[str, Document | None]:
    """The name of the one object, and the object if it is there."""
    name = bundle_object(reference).name
    return name, next(iter(seen[name].objects), None)


def _out_of_sight(seen: Iterable[Snapshot]) -> Iterator[Problem]:
    """Why something is not known. That the server is out of reach is told once, not per watch."""
    unreachable = False
    for snapshot in seen:
        problem = snapshot.problem or (None if snapshot.known else _NO_ANSWER)
        if problem is None or (unreachable and problem.reason is Reason.API_UNREACHABLE):
            continue
        unreachable = unreachable or problem.reason is Reason.API_UNREACHABLE
        yield problem
