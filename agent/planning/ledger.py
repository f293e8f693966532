"""The agent's own record of what it wrote: which files, with which content, in which directories.

Ours is what stands in the ledger, or what carries our header and is exactly what we would render
(a ledger can be lost). An entry is written before the first byte it speaks of, with the hashes of
the old and the new content, so that after a crash at any moment the file found is one of the two.
The record also holds since when a hostname is no longer asked for: a restart must not begin the
wait anew. And which hostnames a runtime may still have in its memory (see `lingering`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from agent.planning.authorities import parse_authority
from agent.planning.model import Endpoint, Folder, Found, FoundFolder, HostPath, Missing
from agent.planning.steps import (
    CreateFolder,
    ReloadRuntime,
    RemoveDropIn,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
    Step,
    WriteDropIn,
)

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of ours, and the SHA-256 of every content it may have (two while it changes)."""

    folder: Folder
    name: str
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All of it. `made` are the directories that we created, outermost first.

    `lingering` are the hostnames that CRI-O may still send to where the drop-in no longer does.
    """

    entries: Mapping[HostPath, Entry] = field(default_factory=dict)
    made: tuple[Folder, ...] = ()
    unwanted_since: Mapping[HostPath, datetime] = field(default_factory=dict)
    lingering: Mapping[str, Endpoint] = field(default_factory=dict)

    def has(self, folder: Folder, name: str) -> bool:
        """Whether the file is one that we wrote."""
        return file_path(folder, name) in self.entries

    def folders(self) -> tuple[Folder, ...]:
        """Every directory that holds a file of ours, sorted."""
        return tuple(sorted({entry.folder for entry in self.entries.values()}))


def file_path(folder: Folder, name: str) -> HostPath:
    """The whole path of a file on the node."""
    return HostPath(f"{folder.path}/{name}")


def content_hash(content: bytes) -> str:
    """SHA-256 of a file's bytes, lower-case hex."""
    return sha256(content).hexdigest()


def intend(ledger: Ledger, *, steps: Iterable[Step], made: Iterable[Folder]) -> Ledger:
    """The record to make durable before the steps begin: what is there now, and what may be."""
    entries = dict(ledger.entries)
    for folder, name, content in writes_of(steps):
        path = file_path(folder, name)
        before = entries[path].hashes if path in entries else frozenset()
        entries[path] = Entry(folder=folder, name=name, hashes=before | {content_hash(content)})
    return replace(ledger, entries=entries, made=_merged(ledger.made, made))


def settle(ledger: Ledger, *, steps: Iterable[Step]) -> Ledger:
    """The record after the steps are done: only what is there now."""
    steps = tuple(steps)
    entries = dict(ledger.entries)
    for folder, name, content in writes_of(steps):
        entries[file_path(folder, name)] = Entry(
            folder=folder, name=name, hashes=frozenset({content_hash(content)})
        )
    gone: set[Folder] = set()
    for step in steps:
        if isinstance(step, RemoveFolder):
            for name in step.names:
                entries.pop(file_path(step.folder, name), None)
        elif isinstance(step, RemoveDropIn):
            entries.pop(file_path(step.folder, step.name), None)
        elif isinstance(step, RemoveEmptyFolder):
            gone.add(step.folder)
    made = tuple(folder for folder in ledger.made if folder not in gone)
    lingering = {} if ReloadRuntime() in steps else ledger.lingering
    return replace(ledger, entries=entries, made=made, lingering=lingering)


def confirm(ledger: Ledger, *, found: Mapping[Folder, Found]) -> Ledger:
    """The record of what is there: a crash can leave more in it than was done, or is still true.

    An entry for a directory that is gone would make us the owner of whatever comes there next.
    """
    entries = {
        path: _confirmed(entry, found.get(entry.folder))
        for path, entry in ledger.entries.items()
        if not isinstance(found.get(entry.folder), Missing)
    }
    return replace(ledger, entries=entries)


def _confirmed(entry: Entry, found: Found | None) -> Entry:
    content = found.files.get(entry.name) if isinstance(found, FoundFolder) else None
    if content is None or content_hash(content) not in entry.hashes:
        return entry
    return replace(entry, hashes=frozenset({content_hash(content)}))


def adopt(ledger: Ledger, *, folder: Folder, files: Mapping[str, bytes]) -> Ledger:
    """The record with files of ours in it that it did not know."""
    entries = dict(ledger.entries)
    for name, content in files.items():
        entries[file_path(folder, name)] = Entry(
            folder=folder, name=name, hashes=frozenset({content_hash(content)})
        )
    return replace(ledger, entries=entries)


def encode(ledger: Ledger, *, machine_id: str) -> str:
    """JSON, sorted, with the schema and the machine it speaks of."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "machine-id": machine_id,
            "entries": [
                {**_folder_json(entry.folder), "name": entry.name, "sha256": sorted(entry.hashes)}
                for _, entry in sorted(ledger.entries.items())
            ],
            "made": [_folder_json(folder) for folder in ledger.made],
            "unwanted-since": {
                path: since.isoformat() for path, since in sorted(ledger.unwanted_since.items())
            },
            "lingering": {
                host: endpoint.authority for host, endpoint in sorted(ledger.lingering.items())
            },
        }
    )


def decode(text: str, *, machine_id: str) -> Ledger:
    """The record back from JSON.

    A record of another machine (an image made of a node, state directory included) or of another
    schema speaks of nothing here: the empty ledger. Raises ValueError when it is not a ledger.
    """
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA or document["machine-id"] != machine_id:
            return Ledger()
        entries = [
            Entry(folder=_folder(item), name=str(item["name"]), hashes=frozenset(item["sha256"]))
            for item in document["entries"]
        ]
        return Ledger(
            entries={file_path(entry.folder, entry.name): entry for entry in entries},
            made=tuple(_folder(item) for item in document["made"]),
            unwanted_since={
                HostPath(path): _moment(since) for path, since in document["unwanted-since"].items()
            },
            lingering={
                str(host): _endpoint(authority) for host, authority in document["lingering"].items()
            },
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"not a ledger: {error!r}"
        raise ValueError(message) from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"not a ledger: {text!r} has no time zone")
    return moment


def _endpoint(authority: str) -> Endpoint:
    endpoint = parse_authority(authority)
    if endpoint is None:
        raise ValueError(f"not a ledger: {authority!r} is no address and port")
    return endpoint


def writes_of(steps: Iterable[Step]) -> list[tuple[Folder, str, bytes]]:
    """Every write of the steps, in their order: directory, name, content."""
    writes: list[tuple[Folder, str, bytes]] = []
    for step in steps:
        if isinstance(step, CreateFolder):
            writes += [(step.folder, name, content) for name, content in step.files]
        elif isinstance(step, ReplaceFile | WriteDropIn):
            writes.append((step.folder, step.name, step.content))
    return writes


def _merged(known: tuple[Folder, ...], new: Iterable[Folder]) -> tuple[Folder, ...]:
    return (*known, *(folder for folder in dict.fromkeys(new) if folder not in known))


def _folder_json(folder: Folder) -> dict[str, Any]:
    return {"base": folder.base, "below": list(folder.below)}


def _folder(item: Mapping[str, Any]) -> Folder:
    return Folder(base=HostPath(str(item["base"])), below=tuple(map(str, item["below"])))
