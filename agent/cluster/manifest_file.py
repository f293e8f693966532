"""The Kubernetes objects in one file, each with its place.

A file is taken whole or not at all: what follows a broken line is unknown, and so is what it was
before the break. A file without a byte is one that is being written.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from agent.cluster.documents import BadDocument, read_json, read_yaml
from agent.cluster.objects import (
    CLUSTER_TRUST_BUNDLE,
    CONFIG_MAP,
    SERVICE,
    Document,
    ObjectName,
    object_name,
)
from agent.errors import BadInput, Problem, Reason

MAX_FILE_BYTES = 1024 * 1024
"""As much as etcd takes for one object by default, and so the most a ConfigMap can hold."""

_LISTS = {"List": "", **{f"{k}List": k for k in (SERVICE, CONFIG_MAP, CLUSTER_TRUST_BUNDLE)}}
"""The kinds of lists, and the kind of the items where they do not say it themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An object of a kind that is read here. `where` is its place: path, line, item of a List."""

    name: ObjectName
    where: str
    document: Document


def is_manifest_name(name: str) -> bool:
    """Whether a file of this name is looked at. A leading dot hides it, as from `ls`."""
    return name.endswith((".yaml", ".yml", ".json")) and not name.startswith(".")


def read_manifests(path: Path, content: bytes) -> tuple[Manifest, ...]:
    """Read what a file holds. Raises BadInput (bad-manifest) with path and line."""
    if len(content) > MAX_FILE_BYTES:
        raise _bad(str(path), f"more than {MAX_FILE_BYTES} bytes")
    if not content.strip():
        raise _bad(str(path), "empty, as a file is that is being written")
    try:
        located = (read_json if path.suffix == ".json" else read_yaml)(content)
        documents = tuple((f"{path}:{item.line}", item.value) for item in located)
    except BadDocument as error:
        raise _bad(f"{path}:{error.line}", str(error)) from error
    return tuple(_manifests(documents))


def _manifests(documents: Iterable[tuple[str, object]]) -> Iterator[Manifest]:
    for where, document in _objects(documents):
        name = object_name(document, where=where)
        if name is not None:
            yield Manifest(name=name, where=where, document=document)


def _objects(documents: Iterable[tuple[str, object]]) -> Iterator[tuple[str, Document]]:
    """Yield each object, those of a List or a ServiceList one by one; Lists do not nest."""
    for where, value in documents:
        if value is None:
            continue  # nothing but comments between two `---`
        document = _mapping(value, where)
        kind = document.get("kind")
        if not isinstance(kind, str) or kind not in _LISTS:
            yield where, document
            continue
        inherited = {"apiVersion": document.get("apiVersion"), "kind": _LISTS[kind]}
        items = document.get("items")
        if not isinstance(items, list):
            raise _bad(where, "items: must be a list")
        for number, item in enumerate(items, start=1):
            place = f"{where} item {number}"
            yield place, {**inherited, **_mapping(item, place)}


def _mapping(value: object, where: str) -> Document:
    if not isinstance(value, Mapping):
        raise _bad(where, "not a Kubernetes object: no mapping")
    return cast("Document", value)


def _bad(where: str, detail: str) -> BadInput:
    return BadInput(Problem(reason=Reason.BAD_MANIFEST, where=where, detail=detail))
