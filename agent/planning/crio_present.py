"""What our files say to CRI-O now: one drop-in, and a directory of certificates per endpoint."""

from collections.abc import Iterator, Mapping

from agent.errors import Problem, Reason
from agent.planning.authorities import parse_authority
from agent.planning.crio_drop_in import parse_drop_in
from agent.planning.model import (
    CA_FILE,
    DROP_IN_FILE,
    HEADER,
    Blocked,
    Endpoint,
    Folder,
    Found,
    FoundFolder,
    Missing,
    RegistriesConf,
    Route,
)
from agent.planning.node_view import NodeView
from agent.planning.ownership import Ours, Ownership, is_as_written
from agent.planning.trust_bundle import parse_trust_file


def read_drop_in(node: NodeView, conf: RegistriesConf) -> bytes | None:
    """The bytes of the drop-in; None when there is none."""
    found = node.found.get(conf.drop_ins)
    return found.files.get(DROP_IN_FILE) if isinstance(found, FoundFolder) else None


def read_entries(node: NodeView, conf: RegistriesConf) -> Mapping[str, Endpoint]:
    """Where the drop-in sends each hostname."""
    return parse_drop_in(read_drop_in(node, conf) or b"")


def read_routes(node: NodeView, conf: RegistriesConf) -> Mapping[str, Route | None]:
    """The same with the certificates; None where those are damaged."""
    entries = read_entries(node, conf)
    return {host: _route(node, conf, endpoint) for host, endpoint in entries.items()}


def certificates_of(node: NodeView, conf: RegistriesConf, endpoint: Endpoint) -> Ownership:
    """Whose the directory of an endpoint's certificates is."""
    return node.owner(conf.certificates.child(endpoint.authority))


def endpoint_folders(node: NodeView, conf: RegistriesConf) -> Iterator[tuple[Folder, Endpoint]]:
    """Every directory of certificates that was looked at, and the endpoint it is for."""
    for folder in sorted(node.found):
        if folder.below and folder.parent == conf.certificates:
            endpoint = parse_authority(folder.name)
            if endpoint is not None:
                yield folder, endpoint


def in_the_way(node: NodeView, conf: RegistriesConf) -> Problem | None:
    """Why the drop-in is not ours to write; None when it is."""
    where = conf.drop_in
    found: Found = node.found.get(conf.drop_ins, Missing())
    match found:
        case Blocked(reason=reason, detail=detail):
            return Problem(reason=reason, where=conf.drop_ins.path, detail=detail)
        case FoundFolder(links=links) if DROP_IN_FILE in links:
            return Problem(reason=Reason.SYMLINK_REFUSED, where=where, detail="it is a link")
        case FoundFolder(others=others) if DROP_IN_FILE in others:
            detail = "it is no plain file of at most 1 MiB"
            return Problem(reason=Reason.HOST_TAKEN, where=where, detail=detail)
        case FoundFolder(files=files) if not _is_ours(node, conf, files.get(DROP_IN_FILE)):
            return Problem(reason=Reason.HOST_TAKEN, where=where, detail="somebody else made it")
        case _:
            return None


def _is_ours(node: NodeView, conf: RegistriesConf, content: bytes | None) -> bool:
    return (
        not content
        or content.startswith(HEADER.encode())
        or is_as_written(
            folder=conf.drop_ins, name=DROP_IN_FILE, content=content, ledger=node.ledger
        )
    )


def _route(node: NodeView, conf: RegistriesConf, endpoint: Endpoint) -> Route | None:
    owner = certificates_of(node, conf, endpoint)
    ders = parse_trust_file(owner.files.get(CA_FILE, b"")) if isinstance(owner, Ours) else None
    return Route(endpoint=endpoint, ders=ders) if ders else None
