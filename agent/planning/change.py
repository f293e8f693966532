"""One directory's change from the route it has to the route it should have, or why it is held.

A pull that works before a pass works during it and after it. So a change is written if it only
adds anchors, or if the new route passes the probe; else it is held for as long as the present
route works. Where neither works, the new endpoint is written, but that proves nothing against the
anchors: a registry that is only down must find the CA again that it was trusted by. An anchor that
may have worked leaves when a route without it was seen to work, when it is revoked, or when a
person says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.errors import Problem, Reason
from agent.planning.answers import Answers
from agent.planning.desires import Desire
from agent.planning.evidence import ProbeResult, Proof
from agent.planning.model import Endpoint, Route
from agent.planning.revocation import without_revoked


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The route a directory shall have now; None leaves it as it is. `problem`: what was held."""

    route: Route | None
    problem: Problem | None = None


def decide_change(
    *,
    desire: Desire,
    present: Route,
    wanted: Endpoint,
    apply_held: bool,
    answers: Answers,
) -> Decision:
    """What a directory of ours shall route to. Raises Unanswered while a probe must tell."""
    proposed = Route(endpoint=wanted, ders=desire.ders)
    if _adds_only(present, proposed):
        return Decision(route=proposed)
    if apply_held or _released(desire, present, proposed):
        return Decision(route=proposed)
    verdict = answers.probe(proposed)
    if verdict.works:
        return Decision(route=proposed)
    before = answers.probe(present)
    if _gets_further(before, verdict):
        meanwhile = _meanwhile(desire, present, proposed)
        why = "works" if before.works else "gets further"
        why = f"the present one {why}"
    else:
        meanwhile = _with_trust_that_worked(desire, present, proposed, before)
        why = "the anchors that it would remove may work again"
    if meanwhile == proposed:
        return Decision(route=proposed)
    return Decision(route=meanwhile, problem=held(desire, proposed, verdict, why=why))


def decide_creation(
    *,
    desire: Desire,
    host: str,
    wanted: Endpoint,
    fallback: bool,
    apply_held: bool,
    answers: Answers,
) -> Decision:
    """What a hostname without a route of ours shall route to: no directory, or a damaged one.

    Where nothing worked before it is written, even if the registry cannot be reached yet. But the
    name may be pulled through somebody's `_default`, by DNS, or by what a person made of our file:
    then ours must work first. Where the runtime does not tell, somebody's `_default` (`fallback`)
    is taken to work. Raises Unanswered while a probe must tell.
    """
    proposed = Route(endpoint=wanted, ders=desire.ders)
    names = {proposed.trust_sha256, str(proposed.endpoint.address)}
    if apply_held or names <= desire.released:
        return Decision(route=proposed)
    verdict = answers.probe(proposed)
    if verdict.works or not _is_served(answers.proof(host), fallback=fallback):
        return Decision(route=proposed)
    problem = held(desire, proposed, verdict, why="the name is pulled by other means")
    return Decision(route=None, problem=problem)


def held(desire: Desire, proposed: Route, verdict: ProbeResult, *, why: str) -> Problem:
    """The problem that says what is held back, why, and under which name it can be released."""
    return Problem(
        reason=Reason.HELD,
        where=f"Service {desire.registry}",
        detail=(
            f"the change to {proposed.endpoint.url} with trust {proposed.trust_sha256} is held, "
            f"since it fails ({verdict.reason}: {verdict.detail}) and {why}"
        ),
        registry=str(desire.registry),
    )


def _gets_further(present: ProbeResult, proposed: ProbeResult) -> bool:
    """Whether the present route is the better one, though perhaps neither works just now.

    A registry that is down behind its TLS front says nothing against the CA it is trusted by.
    """
    return present.works or len(present.reached) > len(proposed.reached)


def _is_served(proof: Proof, *, fallback: bool) -> bool:
    """Whether the name may be pulled now, without us; unknown counts if there is a fallback."""
    asked_dns = proof.reason is Reason.RUNTIME_IGNORES_FILES
    return proof.effective or (fallback and not asked_dns)


def _adds_only(present: Route, proposed: Route) -> bool:
    return present.endpoint == proposed.endpoint and set(present.ders) <= set(proposed.ders)


def _released(desire: Desire, present: Route, proposed: Route) -> bool:
    """Whether a person has named each part of the change in an apply-held annotation."""
    needed = set[str]()
    if present.ders != proposed.ders:
        needed.add(proposed.trust_sha256)
    if present.endpoint != proposed.endpoint:
        needed.add(str(proposed.endpoint.address))
    return needed <= desire.released


def _meanwhile(desire: Desire, present: Route, proposed: Route) -> Route:
    """The route while a change is held: the present one, less what is revoked.

    Anchors that would be added are added when nothing else of the trust is in question, so that
    a held endpoint does not stop a rotation; or when the revoked ones leave a gap to fill.
    """
    left = without_revoked(present.ders, desire.revoked)
    if left != present.ders or set(present.ders) <= set(proposed.ders):
        left = union(left, proposed.ders)
    return Route(endpoint=present.endpoint, ders=left)


def _with_trust_that_worked(
    desire: Desire, present: Route, proposed: Route, before: ProbeResult
) -> Route:
    """The proposed route, with the anchors that worked once, while nothing works.

    Those of a route that this node saw working, else the present ones, unless the registry itself
    has shown a certificate that none of them signed.
    """
    refuted = before.reason is Reason.UNKNOWN_AUTHORITY
    worked = desire.proven or (None if refuted else present)
    left = without_revoked(worked.ders, desire.revoked) if worked else ()
    return Route(endpoint=proposed.endpoint, ders=union(left, proposed.ders))


def union(*sets: Iterable[bytes]) -> tuple[bytes, ...]:
    """One sorted DER set of several."""
    return tuple(sorted({der for ders in sets for der in ders}))
