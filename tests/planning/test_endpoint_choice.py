"""Which ClusterIP of a Service a node pulls from: the present one, unless it is gone or fails."""

from ipaddress import ip_address

import pytest

from agent.errors import Reason
from agent.planning.answers import Answers, Unanswered
from agent.planning.desires import Desire
from agent.planning.endpoint_choice import FAILURES_BEFORE_CHANGE, choose_endpoint
from agent.planning.evidence import ProbeResult
from agent.planning.model import Endpoint, Route
from tests.anchors import ders
from tests.worlds import KNATIVE, LONG, endpoint

V4, V6 = "10.96.0.50", "fd00::50"
GOOD = ProbeResult(reached=frozenset())
BAD = ProbeResult(reached=frozenset(), reason=Reason.TIMEOUT)


def desire(*addresses: str) -> Desire:
    return Desire(
        registry=KNATIVE,
        hosts=(LONG,),
        addresses=tuple(map(ip_address, addresses)),
        port=5000,
        ders=ders(1),
        revoked=frozenset(),
        released=frozenset(),
    )


def choose(
    *addresses: str,
    present: tuple[Endpoint, ...] = (),
    failures: int = 0,
    answering: tuple[str, ...] = (),
) -> str:
    probes = {
        Route(endpoint=endpoint(address), ders=ders(1)): GOOD if address in answering else BAD
        for address in addresses
    }
    chosen = choose_endpoint(
        desire=desire(*addresses),
        present=present,
        failures=failures,
        answers=Answers(probes=probes),
    )
    return str(chosen.address)


def test_a_single_address_is_taken_without_a_probe() -> None:
    chosen = choose_endpoint(desire=desire(V4), present=(), failures=0, answers=Answers())
    assert chosen == endpoint(V4)


def test_the_present_address_stays_without_a_probe() -> None:
    chosen = choose_endpoint(
        desire=desire(V6, V4), present=[endpoint(V4)], failures=0, answers=Answers()
    )
    assert chosen == endpoint(V4)


FIRST = {
    "the first that answers": ((V6, V4), (V4,), V4),
    "the first of two that answer": ((V6, V4), (V4, V6), V6),
    "the first when none answers": ((V6, V4), (), V6),
}


@pytest.mark.parametrize("sentence", FIRST)
def test_without_a_present_address_it_is(sentence: str) -> None:
    addresses, answering, expected = FIRST[sentence]
    assert choose(*addresses, answering=answering) == expected
    elsewhere = (endpoint("10.96.0.99"), endpoint(V4, 443))
    assert choose(*addresses, answering=answering, present=elsewhere) == expected


def test_the_family_changes_only_after_three_failures_and_when_the_other_answers() -> None:
    assert FAILURES_BEFORE_CHANGE == 3
    for failures in range(3):
        assert choose(V4, V6, present=(endpoint(V4),), failures=failures, answering=(V6,)) == V4
    assert choose(V4, V6, present=(endpoint(V4),), failures=3, answering=(V6,)) == V6


def test_the_present_address_stays_if_it_has_come_back() -> None:
    assert choose(V4, V6, present=(endpoint(V4),), failures=3, answering=(V4, V6)) == V4


def test_the_present_address_stays_if_the_other_does_not_answer_either() -> None:
    assert choose(V4, V6, present=(endpoint(V4),), failures=9) == V4


def test_two_present_addresses_left_by_a_crash_settle_on_one() -> None:
    both = (endpoint(V6), endpoint(V4))
    assert choose(V4, V6, present=both) == V4
    assert choose(V4, V6, present=both, failures=3, answering=(V6,)) == V6


def test_it_asks_before_it_chooses_blindly() -> None:
    with pytest.raises(Unanswered) as question:
        choose_endpoint(desire=desire(V6, V4), present=(), failures=0, answers=Answers())
    assert question.value.routes == {Route(endpoint=endpoint(V6), ders=ders(1))}
