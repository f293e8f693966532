"""The view out of a directory of manifests: `--manifests`, for a node without an API server.

Every view reads the directory anew; parsing, which costs the most, is remembered per state of a
file, so that the change of one file costs one file. What cannot be read makes the view
incomplete, never smaller: unknown is not absent.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from agent.cluster.bundle_file import read_bundle_file
from agent.cluster.manifest_file import (
    MAX_FILE_BYTES,
    Manifest,
    is_manifest_name,
    read_manifests,
)
from agent.cluster.objects import (
    CLUSTER_TRUST_BUNDLE,
    CONFIG_MAP,
    SERVICE,
    ObjectName,
    has_registry_label,
    read_cluster_trust_bundle,
    read_config_map,
    read_service,
)
from agent.errors import BadInput, ClusterTrouble, Problem, Reason
from agent.plain_file import Signature, read_plain_file, signature_of
from agent.planning.model import BundleObject, ClusterView, ServiceObject
from agent.planning.trust_reference import (
    ClusterTrustBundleReference,
    ConfigMapReference,
    FileReference,
    TrustReference,
)

# A file that changed this short before it was read may change again without a trace: times are
# as fine as the kernel's tick (4 or 10 ms), and an address may become another of equal length.
_RACY_NANOSECONDS = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parsed:
    manifests: tuple[Manifest, ...]
    signature: Signature


class ManifestsSource:
    """A `Source` (agent.ports) over the files of one directory, not of those below it.

    `namespaces` are those in which registry Services may live. Used by one thread.
    """

    def __init__(
        self,
        *,
        directory: Path,
        namespaces: Iterable[str],
        references: Iterable[TrustReference],
    ) -> None:
        self._directory = directory
        self._namespaces = frozenset(namespaces)
        self._references = tuple(dict.fromkeys(references))  # several namespaces may share one
        self._parsed: dict[Path, _Parsed] = {}

    @property
    def directories(self) -> tuple[Path, ...]:
        """Every directory whose changes change the view: ours, and those of `file:` references."""
        files = (Path(r.path).parent for r in self._references if isinstance(r, FileReference))
        return tuple(dict.fromkeys((self._directory, *files)))

    def view(self) -> ClusterView:
        """Return what the files ask for now.

        Raises ClusterTrouble (manifests-unreadable) when the directory cannot be listed.
        """
        problems: list[Problem] = []
        places: defaultdict[ObjectName, list[Manifest]] = defaultdict(list)
        for manifest in self._manifests(problems):
            places[manifest.name].append(manifest)
        services: list[ServiceObject] = []
        for name, found in sorted(places.items()):
            if self._is_wanted_service(name, found):
                try:
                    manifest = _only(found)
                    services.append(read_service(manifest.document, where=manifest.where))
                except BadInput as refusal:
                    problems.append(refusal.problem)
        bundles: dict[str, BundleObject] = {}
        for reference in self._references:
            try:
                bundle = _bundle(reference, places)
            except BadInput as refusal:
                problems.append(refusal.problem)
            else:
                if bundle is not None:
                    bundles[reference.text] = bundle
        return ClusterView(
            services=tuple(services),
            bundles=bundles,
            complete=not problems,
            problems=tuple(problems),
        )

    def _is_wanted_service(self, name: ObjectName, found: Sequence[Manifest]) -> bool:
        """Labelled at any of its places; without a namespace too, to be refused with its field."""
        return (
            name.kind == SERVICE
            and name.namespace in self._namespaces | {""}
            and any(has_registry_label(manifest.document) for manifest in found)
        )

    def _manifests(self, problems: list[Problem]) -> Iterator[Manifest]:
        parsed: dict[Path, _Parsed] = {}
        for path in self._paths():
            try:
                file = self._read(path)
            except FileNotFoundError:
                if path.is_symlink():
                    problems.append(_unreadable(path, "a link to nothing"))
                continue  # else it was removed since the directory was listed
            except OSError as error:
                problems.append(_unreadable(path, error.strerror or str(error)))
                continue
            except BadInput as refusal:
                problems.append(refusal.problem)
                continue
            if file.signature[-1] < time.time_ns() - _RACY_NANOSECONDS:
                parsed[path] = file
            yield from file.manifests
        self._parsed = parsed

    def _paths(self) -> list[Path]:
        try:
            return sorted(p for p in self._directory.iterdir() if is_manifest_name(p.name))
        except OSError as error:
            raise ClusterTrouble(
                Problem(
                    reason=Reason.MANIFESTS_UNREADABLE,
                    where=str(self._directory),
                    detail=error.strerror or str(error),
                )
            ) from error

    def _read(self, path: Path) -> _Parsed:
        known = self._parsed.get(path)
        if known is not None and known.signature == signature_of(path.stat()):
            return known
        file = read_plain_file(path, limit=MAX_FILE_BYTES)
        return _Parsed(manifests=read_manifests(path, file.content), signature=file.signature)


def _bundle(
    reference: TrustReference, places: defaultdict[ObjectName, list[Manifest]]
) -> BundleObject | None:
    match reference:
        case FileReference():
            return read_bundle_file(reference)
        case ConfigMapReference():
            name = ObjectName(kind=CONFIG_MAP, namespace=reference.namespace, name=reference.name)
            if name not in places:
                return None
            manifest = _only(places[name])
            return read_config_map(manifest.document, reference=reference, where=manifest.where)
        case ClusterTrustBundleReference():
            name = ObjectName(kind=CLUSTER_TRUST_BUNDLE, namespace="", name=reference.name)
            if name not in places:
                return None
            manifest = _only(places[name])
            return read_cluster_trust_bundle(
                manifest.document, reference=reference, where=manifest.where
            )
        case _:
            assert_never(reference)


def _only(found: Sequence[Manifest]) -> Manifest:
    """Return the object if it stands in one place. Raises BadInput (duplicate-object)."""
    first, *others = found
    if others:
        raise BadInput(
            Problem(
                reason=Reason.DUPLICATE_OBJECT,
                where=str(first.name),
                detail="it is in " + " and in ".join(manifest.where for manifest in found),
                registry=f"{first.name.namespace}/{first.name.name}"
                if first.name.kind == SERVICE
                else "",
            )
        )
    return first


def _unreadable(path: Path, detail: str) -> Problem:
    return Problem(reason=Reason.BAD_MANIFEST, where=str(path), detail=detail)
