"""When the directory of a hostname that nobody asks for may go."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.errors import Reason
from agent.planning.answers import Answers, Unanswered
from agent.planning.desires import Desire, Desires
from agent.planning.evidence import ProbeResult, ProbeStep
from agent.planning.known_good import KnownGood
from agent.planning.ledger import Ledger
from agent.planning.model import RegistryName
from agent.planning.sheet import Occasion
from agent.planning.withdrawal import Withdrawal, judge_withdrawal
from tests.anchors import NOW
from tests.worlds import KNATIVE, LONG, NEW_IP, OLD_IP, ROOT, WITHDRAW_AFTER, route

FOLDER = ROOT.child(LONG)
LONG_AGO = NOW - WITHDRAW_AFTER
GONE = Desires(
    wanted=(),
    withdrawn=frozenset(),
    kept=frozenset(),
    revoked={"": frozenset()},
    certain=True,
    known_good=KnownGood(),
    problems=(),
)
SERVING = ProbeResult(reached=frozenset({ProbeStep.TCP, ProbeStep.TLS}), reason=Reason.HTTP_ERROR)
NO_TLS = ProbeResult(reached=frozenset({ProbeStep.TCP}), reason=Reason.UNKNOWN_AUTHORITY)
SILENT = ProbeResult(reached=frozenset(), reason=Reason.TIMEOUT)


def judge(
    desires: Desires,
    *,
    since: object = None,
    probe: ProbeResult | None = None,
    damaged: bool = False,
    apply_held: bool = False,
) -> Withdrawal:
    present = None if damaged else route()
    return judge_withdrawal(
        registry=KNATIVE,
        place=FOLDER.path,
        route=present,
        desires=desires,
        ledger=Ledger(unwanted_since={FOLDER.path: since} if since else {}),
        occasion=Occasion(now=NOW, withdraw_after=WITHDRAW_AFTER, apply_held=apply_held),
        answers=Answers(probes={route(): probe} if probe else {}),
    )


def test_the_label_false_withdraws_at_once() -> None:
    """Even in an incomplete view, and while it still serves: a person said so."""
    asked = replace(GONE, withdrawn=frozenset({KNATIVE}), certain=False)
    assert judge(asked, probe=SERVING) == Withdrawal(remove=True)


def test_silence_starts_the_wait() -> None:
    verdict = judge(GONE, probe=SILENT)
    assert (verdict.remove, verdict.unwanted_since) == (False, NOW)
    assert verdict.problem is not None
    assert verdict.problem.reason is Reason.WITHDRAWAL_PENDING
    assert "2026-11-23 12:00:00 UTC" in verdict.problem.detail


def test_the_wait_goes_on_where_the_ledger_says_it_began() -> None:
    since = LONG_AGO + timedelta(seconds=1)
    verdict = judge(GONE, since=since, probe=SILENT)
    assert (verdict.remove, verdict.unwanted_since) == (False, since)


def test_a_wait_that_began_in_the_future_begins_now() -> None:
    """The node's clock was set back."""
    assert judge(GONE, since=NOW + timedelta(days=1), probe=SILENT).unwanted_since == NOW


@pytest.mark.parametrize(
    "probe",
    [
        pytest.param(SILENT, id="nothing answers"),
        pytest.param(NO_TLS, id="something else answers there"),
    ],
)
def test_after_the_wait_it_goes_once_it_no_longer_serves(probe: ProbeResult) -> None:
    assert judge(GONE, since=LONG_AGO, probe=probe) == Withdrawal(remove=True)


def test_while_it_serves_it_stays_and_the_wait_is_over() -> None:
    """One blip after a long time must not withdraw it: silence counts from its beginning."""
    verdict = judge(GONE, since=LONG_AGO, probe=SERVING)
    assert (verdict.remove, verdict.unwanted_since) == (False, None)
    assert verdict.problem is not None
    assert verdict.problem.reason is Reason.UNLABELLED_STILL_SERVING


def test_it_asks_whether_it_serves() -> None:
    with pytest.raises(Unanswered) as question:
        judge(GONE)
    assert question.value.routes == {route()}


def wanted_elsewhere(*, registry: RegistryName = KNATIVE, released: str = "") -> Desires:
    """A registry is wanted at the same address, under other names."""
    wanted = Desire(
        registry=registry,
        hosts=(),
        addresses=(route().endpoint.address,),
        port=443,
        ders=(),
        revoked=frozenset(),
        released=frozenset({released}),
    )
    return replace(GONE, wanted=(wanted,))


def test_an_old_name_stays_while_its_endpoint_serves() -> None:
    """The port or the cluster domain may have been changed by mistake."""
    verdict = judge(wanted_elsewhere(), since=LONG_AGO, probe=SERVING)
    assert not verdict.remove
    assert verdict.problem is not None
    assert verdict.problem.reason is Reason.UNLABELLED_STILL_SERVING


def test_a_person_lets_it_go_though_it_serves() -> None:
    assert judge(GONE, probe=SERVING, apply_held=True) == Withdrawal(remove=True)


@pytest.mark.parametrize("registry", [KNATIVE, RegistryName(namespace="registry", name="renamed")])
def test_so_does_the_annotation_of_the_service_that_has_its_address(
    registry: RegistryName,
) -> None:
    released = wanted_elsewhere(registry=registry, released=OLD_IP)
    assert judge(released, probe=SERVING) == Withdrawal(remove=True)


def test_an_annotation_with_another_address_does_not() -> None:
    assert not judge(wanted_elsewhere(released=NEW_IP), probe=SERVING).remove


def test_after_the_wait_a_damaged_directory_goes_unasked() -> None:
    assert judge(GONE, since=LONG_AGO, damaged=True) == Withdrawal(remove=True)


def test_in_an_incomplete_view_it_stays_and_the_wait_is_neither_begun_nor_forgotten() -> None:
    unknown = replace(GONE, certain=False)
    assert judge(unknown) == Withdrawal(remove=False)
    assert judge(unknown, since=LONG_AGO) == Withdrawal(remove=False, unwanted_since=LONG_AGO)


def test_a_service_that_is_asked_for_but_cannot_be_used_stays_and_its_wait_is_over() -> None:
    refused = replace(GONE, kept=frozenset({KNATIVE}))
    assert judge(refused, since=LONG_AGO) == Withdrawal(remove=False)
