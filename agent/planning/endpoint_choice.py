"""Which ClusterIP of a Service a node pulls from.

The present one while the Service still has it: a pull that works stays as it is. Else the first
that answers, else the first. Between two addresses of one Service the node changes only after the
present one failed three probes in a row and another one answers: a blip must not rewrite files.
"""

from collections.abc import Iterable

from agent.planning.answers import Answers
from agent.planning.desires import Desire
from agent.planning.model import Endpoint, Route

FAILURES_BEFORE_CHANGE = 3


def choose_endpoint(
    *, desire: Desire, present: Iterable[Endpoint], failures: int, answers: Answers
) -> Endpoint:
    """The endpoint to use. `failures` counts the probes of the present one that failed in a row.

    Raises Unanswered while it depends on a route that was not tried.
    """
    candidates = [Endpoint(address=address, port=desire.port) for address in desire.addresses]
    present = set(present)
    kept = [endpoint for endpoint in candidates if endpoint in present]
    if len(candidates) == 1 or (kept and failures < FAILURES_BEFORE_CHANGE):
        return kept[0] if kept else candidates[0]
    others = [endpoint for endpoint in candidates if endpoint not in kept[:1]]
    if kept and answers.probe(Route(endpoint=kept[0], ders=desire.ders)).works:
        return kept[0]
    answering = (
        endpoint
        for endpoint in others
        if answers.probe(Route(endpoint=endpoint, ders=desire.ders)).works
    )
    return next(answering, kept[0] if kept else candidates[0])
