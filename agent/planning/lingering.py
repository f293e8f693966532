"""Hostnames that have left the drop-in, and that CRI-O may go on sending where it did.

What CRI-O goes by is in its memory too. Of a hostname that stays, a proof tells whether it has read
the drop-in; of one that leaves nobody asks any more. So it is on record before the drop-in changes,
until CRI-O has been reloaded, or is seen to ask elsewhere: an agent that is killed in between, or
may not reload it, knows that a reload is owed.
"""

from collections.abc import Container, Mapping

from agent.errors import Problem, Reason
from agent.planning.evidence import Proof
from agent.planning.ledger import Ledger
from agent.planning.model import Endpoint, HostPath

Lingering = Mapping[str, Endpoint]
"""Where each of them was sent."""


def what_lingers(
    ledger: Ledger, *, before: Mapping[str, Endpoint], after: Container[str]
) -> Lingering:
    """All that may be in CRI-O's memory and not in the drop-in that only has the hosts `after`."""
    known = {**ledger.lingering, **before}
    return {host: endpoint for host, endpoint in known.items() if host not in after}


def not_forgotten(lingering: Lingering, proofs: Mapping[str, Proof]) -> Lingering:
    """Those that CRI-O was not seen to seek elsewhere: a pull that does not end shows nothing."""
    return {
        host: endpoint
        for host, endpoint in lingering.items()
        if not asks_elsewhere(proofs[host], endpoint)
    }


def reload_forbidden(drop_in: HostPath) -> Problem:
    """The problem of a CRI-O that needs a reload and must not get it from the agent."""
    detail = "CRI-O has not read it yet, and --disrupt none forbids to reload it"
    return Problem(reason=Reason.NEEDS_RELOAD, where=drop_in, detail=detail)


def asks_elsewhere(proof: Proof, endpoint: Endpoint) -> bool:
    """Whether CRI-O was seen to go another way than to this endpoint."""
    asked_dns = proof.reason is Reason.RUNTIME_IGNORES_FILES
    return asked_dns or proof.authority not in {"", endpoint.authority}
