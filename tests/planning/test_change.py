"""Hold or write: a pull that works before a change works after it."""

from dataclasses import replace

import pytest

from agent.errors import Reason
from agent.planning.answers import Answers, Unanswered
from agent.planning.change import Decision, decide_change, decide_creation, union
from agent.planning.desires import Desire
from agent.planning.evidence import ProbeResult, ProbeStep, Proof
from agent.planning.model import Route
from tests.anchors import ders, fingerprint, trust_sha256
from tests.worlds import KNATIVE, LONG, NEW_IP, OLD_IP, endpoint, route

GOOD = ProbeResult(reached=frozenset())
BAD = ProbeResult(reached=frozenset(), reason=Reason.TIMEOUT, detail="no answer")
REFUTED = ProbeResult(reached=frozenset({ProbeStep.TCP}), reason=Reason.UNKNOWN_AUTHORITY)
PULLED = Proof(reason=None, detail="not found")
UNTOLD = Proof(reason=Reason.RUNTIME_UNREACHABLE, detail="no socket")
NOT_PULLED = Proof(reason=Reason.RUNTIME_IGNORES_FILES, detail="lookup")

OLD = route(OLD_IP, 1)
OTHER_TRUST = route(OLD_IP, 2)
OTHER_ENDPOINT = route(NEW_IP, 1)
BOTH_OTHER = route(NEW_IP, 2)
MORE_TRUST = route(OLD_IP, 1, 2)


def desire(
    ders: tuple[bytes, ...],
    *,
    revoked: int = 0,
    released: tuple[str, ...] = (),
    proven: Route | None = None,
) -> Desire:
    return Desire(
        registry=KNATIVE,
        hosts=(LONG,),
        addresses=(OLD.endpoint.address,),
        port=5000,
        ders=ders,
        revoked=frozenset({fingerprint(revoked)} if revoked else ()),
        released=frozenset(released),
        proven=proven,
    )


def change(
    present: Route,
    proposed: Route,
    *,
    working: tuple[Route, ...] = (),
    revoked: int = 0,
    released: tuple[str, ...] = (),
    apply_held: bool = False,
    otherwise: ProbeResult = BAD,
    proven: Route | None = None,
) -> Decision:
    """The change, where the routes in `working` work and the others fare `otherwise`."""
    probes = {way: GOOD if way in working else otherwise for way in (present, proposed)}
    return decide_change(
        desire=desire(proposed.ders, revoked=revoked, released=released, proven=proven),
        present=present,
        wanted=proposed.endpoint,
        apply_held=apply_held,
        answers=Answers(probes=probes),
    )


def create(
    *,
    works: bool,
    proof: Proof,
    fallback: bool = True,
    released: tuple[str, ...] = (),
    apply_held: bool = False,
) -> Decision:
    return decide_creation(
        desire=desire(OLD.ders, released=released),
        host=LONG,
        wanted=OLD.endpoint,
        fallback=fallback,
        apply_held=apply_held,
        answers=Answers(probes={OLD: GOOD if works else BAD}, proofs={LONG: proof}),
    )


CHANGES = {
    "another CA": OTHER_TRUST,
    "another endpoint": OTHER_ENDPOINT,
    "another CA and endpoint": BOTH_OTHER,
    "fewer anchors": OLD,
}


def present_for(sentence: str) -> Route:
    return MORE_TRUST if sentence == "fewer anchors" else OLD


@pytest.mark.parametrize("sentence", CHANGES)
def test_what_passes_the_probe_is_written(sentence: str) -> None:
    present, proposed = present_for(sentence), CHANGES[sentence]
    assert change(present, proposed, working=(present, proposed)) == Decision(route=proposed)


@pytest.mark.parametrize("sentence", CHANGES)
def test_while_nothing_answers_the_endpoint_changes_and_anchors_are_only_added(
    sentence: str,
) -> None:
    """A registry that is down says nothing against the CA that it was trusted by."""
    present, proposed = present_for(sentence), CHANGES[sentence]
    decision = change(present, proposed)
    both = union(present.ders, proposed.ders)
    assert decision.route == Route(endpoint=proposed.endpoint, ders=both)
    assert (decision.problem is None) is (both == proposed.ders)


@pytest.mark.parametrize("sentence", CHANGES)
def test_what_the_registry_itself_refutes_is_replaced(sentence: str) -> None:
    present, proposed = present_for(sentence), CHANGES[sentence]
    assert change(present, proposed, otherwise=REFUTED) == Decision(route=proposed)


def test_but_anchors_that_once_worked_stay() -> None:
    """It may show a strange certificate only while it starts."""
    decision = change(OTHER_TRUST, route(OLD_IP, 3), otherwise=REFUTED, proven=OLD)
    assert decision.route == route(OLD_IP, 1, 3)
    assert decision.problem is not None


def test_anchors_that_never_worked_do_not_gather() -> None:
    """Of the trust that stands, 2 was held back before and was never seen to work."""
    decision = change(MORE_TRUST, route(OLD_IP, 3), proven=OLD)
    assert decision.route == route(OLD_IP, 1, 3)


def test_a_revoked_anchor_leaves_although_it_once_worked() -> None:
    decision = change(OLD, OTHER_TRUST, revoked=1, proven=OLD)
    assert decision == Decision(route=OTHER_TRUST)


@pytest.mark.parametrize("sentence", CHANGES)
def test_what_fails_is_held_while_the_present_works(sentence: str) -> None:
    present, proposed = present_for(sentence), CHANGES[sentence]
    decision = change(present, proposed, working=(present,))
    assert decision.route == present
    assert decision.problem is not None
    assert decision.problem.reason is Reason.HELD
    for part in (proposed.trust_sha256, proposed.endpoint.url, "timeout: no answer"):
        assert part in decision.problem.detail


def test_the_flag_applies_what_is_held() -> None:
    decision = change(OLD, BOTH_OTHER, working=(OLD,), apply_held=True)
    assert decision == Decision(route=BOTH_OTHER)


RELEASES = {
    "the new trust, for another CA": (OTHER_TRUST, (trust_sha256(2),), True),
    "the new address, for another endpoint": (OTHER_ENDPOINT, (NEW_IP,), True),
    "both, for both": (BOTH_OTHER, (NEW_IP, trust_sha256(2)), True),
    "only the address, for both": (BOTH_OTHER, (NEW_IP,), False),
    "only the trust, for both": (BOTH_OTHER, (trust_sha256(2),), False),
    "the old trust": (OTHER_TRUST, (trust_sha256(1),), False),
    "another address": (OTHER_ENDPOINT, (OLD_IP,), False),
    "nothing": (OTHER_TRUST, (), False),
}


@pytest.mark.parametrize("sentence", RELEASES)
def test_the_annotation_names_what_it_releases(sentence: str) -> None:
    proposed, released, written = RELEASES[sentence]
    decision = change(OLD, proposed, working=(OLD,), released=released)
    assert decision.route == (proposed if written else OLD)
    assert (decision.problem is None) is written


def test_more_anchors_are_never_held() -> None:
    """Not even probed: whatever was trusted still is."""
    decision = decide_change(
        desire=desire(MORE_TRUST.ders),
        present=OLD,
        wanted=OLD.endpoint,
        apply_held=False,
        answers=Answers(),
    )
    assert decision == Decision(route=MORE_TRUST)


def test_more_anchors_are_added_while_another_endpoint_is_held() -> None:
    decision = change(OLD, route(NEW_IP, 1, 2), working=(OLD,))
    assert decision.route == MORE_TRUST
    assert decision.problem is not None


def test_a_revoked_anchor_leaves_while_the_rest_is_held() -> None:
    present = route(OLD_IP, 1, 2)
    decision = change(present, route(NEW_IP, 1), working=(present,), revoked=2)
    assert decision.route == OLD
    assert decision.problem is not None


def test_where_only_a_revoked_anchor_leaves_nothing_is_held() -> None:
    present = route(OLD_IP, 1, 2)
    assert change(present, OLD, working=(present,), revoked=2) == Decision(route=OLD)


def test_the_new_anchors_fill_the_gap_that_the_revoked_one_leaves() -> None:
    decision = change(OLD, BOTH_OTHER, working=(OLD,), revoked=1)
    assert decision.route == replace(OLD, ders=ders(2))


@pytest.mark.parametrize(
    ("works", "proof", "written"),
    [
        pytest.param(True, PULLED, True, id="it works, and something else did too"),
        pytest.param(True, NOT_PULLED, True, id="it works, and nothing else did"),
        pytest.param(False, NOT_PULLED, True, id="it does not work, nor did anything else"),
        pytest.param(False, PULLED, False, id="it does not work, but somebody's _default does"),
        pytest.param(False, UNTOLD, False, id="it does not work, and a _default may"),
    ],
)
def test_a_hostname_gets_its_first_route_if(*, works: bool, proof: Proof, written: bool) -> None:
    decision = create(works=works, proof=proof)
    assert decision.route == (OLD if written else None)
    assert (decision.problem is None) is written


def test_a_held_first_route_can_be_forced() -> None:
    both = (OLD_IP, trust_sha256(1))
    assert create(works=False, proof=PULLED, apply_held=True).route == OLD
    assert create(works=False, proof=PULLED, released=both).route == OLD
    assert create(works=False, proof=PULLED, released=both[:1]).route is None


def test_where_nothing_else_can_serve_and_the_runtime_does_not_tell_it_is_written() -> None:
    assert create(works=False, proof=UNTOLD, fallback=False).route == OLD


def test_a_route_that_gets_further_is_kept_though_neither_works() -> None:
    """A registry that is down behind its TLS front says nothing against its CA."""
    reached = frozenset({ProbeStep.TCP, ProbeStep.TLS})
    front = ProbeResult(reached=reached, reason=Reason.HTTP_ERROR, detail="502")
    refused = ProbeResult(reached=frozenset({ProbeStep.TCP}), reason=Reason.UNKNOWN_AUTHORITY)
    decision = decide_change(
        desire=desire(OTHER_TRUST.ders),
        present=OLD,
        wanted=OLD.endpoint,
        apply_held=False,
        answers=Answers(probes={OLD: front, OTHER_TRUST: refused}),
    )
    assert decision.route == OLD
    assert decision.problem is not None


def test_it_asks_for_the_new_route_first_and_for_the_present_one_only_if_that_fails() -> None:
    asked = []
    answers = Answers()
    while True:
        try:
            decide_change(
                desire=desire(OTHER_TRUST.ders),
                present=OLD,
                wanted=endpoint(OLD_IP),
                apply_held=False,
                answers=answers,
            )
        except Unanswered as question:
            asked += question.routes
            answers = Answers(probes=dict.fromkeys(asked, BAD))
        else:
            break
    assert asked == [OTHER_TRUST, OLD]


def test_it_asks_the_runtime_only_if_the_first_route_fails() -> None:
    with pytest.raises(Unanswered) as question:
        decide_creation(
            desire=desire(OLD.ders),
            host=LONG,
            wanted=OLD.endpoint,
            fallback=False,
            apply_held=False,
            answers=Answers(probes={OLD: BAD}),
        )
    assert question.value.hosts == {LONG}
    assert str(question.value) == "0 routes and 1 hosts are to be tried"
