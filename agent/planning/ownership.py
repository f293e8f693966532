"""Whose is the directory of a hostname: nobody's, ours, or somebody else's.

Ours is what the ledger says we wrote, or what carries our header and is exactly what we would
render. A file of ours that was edited by hand but kept its header, or was emptied, is ours to
repair: the header says so. One whose header is gone has been taken over, and is not fought for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from agent.errors import Problem, Reason
from agent.planning.containerd_hosts import parse_hosts_file, render_hosts_file
from agent.planning.crio_drop_in import parse_drop_in, render_drop_in
from agent.planning.ledger import Ledger, content_hash, file_path
from agent.planning.model import (
    CA_FILE,
    DROP_IN_FILE,
    HEADER,
    HOSTS_FILE,
    OUR_FILES,
    Blocked,
    Folder,
    Found,
    FoundFolder,
    Missing,
    Route,
)
from agent.planning.trust_bundle import parse_trust_file, render_trust_file


@dataclass(frozen=True, slots=True)
class Nobodys:
    """Nothing is there: the place is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """A directory of ours. `route` is None when what is there routes nowhere (damaged)."""

    files: Mapping[str, bytes]
    route: Route | None
    in_ledger: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Somebody else's, and why we say so."""

    problem: Problem


Ownership: TypeAlias = Nobodys | Ours | Foreign


def judge_owner(*, folder: Folder, found: Found, ledger: Ledger) -> Ownership:
    """Whose the directory is."""
    match found:
        case Missing():
            return Nobodys()
        case Blocked(reason=reason, detail=detail):
            return _foreign(folder, reason, detail)
        case FoundFolder(files=files, others=others, links=links):
            if odd := [name for name in OUR_FILES if name in links]:
                detail = f"{odd[0]} is a link"
                return _foreign(folder, Reason.SYMLINK_REFUSED, detail)
            if odd := [name for name in OUR_FILES if name in others]:
                detail = f"{odd[0]} is no plain file of at most 1 MiB"
                return _foreign(folder, Reason.HOST_TAKEN, detail)
            return _judge_files(folder, files, ledger)
        case _:
            assert_never(found)


def _judge_files(folder: Folder, files: Mapping[str, bytes], ledger: Ledger) -> Ownership:
    if any(ledger.has(folder, name) for name in OUR_FILES):
        taken = [name for name in files if not _still_ours(folder, name, files[name], ledger)]
        if taken:
            return _foreign(folder, Reason.HOST_TAKEN, f"{taken[0]} was replaced by somebody else")
        return Ours(files=files, route=read_route(files), in_ledger=True)
    if files and all(is_exactly_ours(name, content) for name, content in files.items()):
        return Ours(files=files, route=read_route(files), in_ledger=False)
    return _foreign(folder, Reason.HOST_TAKEN, "the directory was made by somebody else")


def read_route(files: Mapping[str, bytes]) -> Route | None:
    """The route that a directory's files describe, or None when they describe none."""
    endpoint = parse_hosts_file(files.get(HOSTS_FILE, b""))
    ders = parse_trust_file(files.get(CA_FILE, b""))
    if endpoint is None or ders is None:
        return None
    return Route(endpoint=endpoint, ders=ders)


def is_exactly_ours(name: str, content: bytes) -> bool:
    """Whether the content is, to the byte, what we would render for what it says."""
    if name == DROP_IN_FILE:
        entries = parse_drop_in(content)
        return bool(entries) and render_drop_in(entries) == content
    if name == HOSTS_FILE:
        endpoint = parse_hosts_file(content)
        return endpoint is not None and render_hosts_file(endpoint) == content
    ders = parse_trust_file(content)
    return ders is not None and render_trust_file(ders) == content


def is_as_written(*, folder: Folder, name: str, content: bytes, ledger: Ledger) -> bool:
    """Whether the file is still what the ledger says we wrote."""
    entry = ledger.entries.get(file_path(folder, name))
    return entry is not None and content_hash(content) in entry.hashes


def _still_ours(folder: Folder, name: str, content: bytes, ledger: Ledger) -> bool:
    return (
        not content
        or content.startswith(HEADER.encode())
        or is_as_written(folder=folder, name=name, content=content, ledger=ledger)
    )


def _foreign(folder: Folder, reason: Reason, detail: str) -> Foreign:
    return Foreign(problem=Problem(reason=reason, where=folder.path, detail=detail))
