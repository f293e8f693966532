"""What becomes of each hostname where the runtime can be told of CAs, and of nothing else.

Docker's classic image store goes wherever the node resolves a name to, and verifies it with the
CAs in the name's directory besides the node's own. So the CA file stands there alone. Which
endpoint is meant it does not say: it is the Service's, and there the anchors are tried before one
of them may leave.
"""

from dataclasses import replace

from agent.planning.desires import Desire
from agent.planning.endpoint_choice import choose_endpoint
from agent.planning.model import CA_FILE, HOSTS_FILE, Endpoint, Route
from agent.planning.ownership import Foreign, Ours, Ownership
from agent.planning.sheet import Sheet
from agent.planning.steps import RemoveDropIn
from agent.planning.trust_bundle import parse_trust_file
from agent.planning.wanted import decide


def place_anchors(sheet: Sheet, desire: Desire) -> None:
    """Decide on every directory of one registry. Raises Unanswered while a probe must tell.

    A directory that is new adds trust only, and takes what its siblings have.
    """
    owners = {
        folder: sheet.node.owner(folder)
        for root in sheet.node.roots
        for folder in map(root.child, desire.hosts)
    }
    wanted = choose_endpoint(
        desire=desire,
        present=[desire.proven.endpoint] if desire.proven else [],
        failures=sheet.occasion.failures.get(desire.registry, 0),
        answers=sheet.answers,
    )
    routes = {folder: _route(owner, wanted) for folder, owner in owners.items()}
    proven = replace(desire.proven, endpoint=wanted) if desire.proven else None
    asked = Route(endpoint=wanted, ders=desire.ders)
    example = next(filter(None, routes.values()), proven) or asked
    for folder, owner in owners.items():
        if isinstance(owner, Foreign):
            sheet.report(replace(owner.problem, registry=str(desire.registry)))
            continue
        own = routes[folder] or example
        host = folder.name
        decision = decide(sheet, desire, host, wanted, own=own, example=None, fallback=False)
        if decision.route is not None:
            sheet.write_anchors(folder, decision.route.ders)
        if isinstance(owner, Ours) and HOSTS_FILE in owner.files:
            sheet.draft.removals.append(RemoveDropIn(folder=folder, name=HOSTS_FILE))


def _route(owner: Ownership, endpoint: Endpoint) -> Route | None:
    """That endpoint, with the anchors that a directory of ours has."""
    ders = parse_trust_file(owner.files.get(CA_FILE, b"")) if isinstance(owner, Ours) else None
    return Route(endpoint=endpoint, ders=ders) if ders else None
