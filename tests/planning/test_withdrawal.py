"""When the directory of a hostname that nobody asks for may go."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.errors import Reason
from agent.planning.answers import Answers, Unanswered
from agent.planning.desires import Desire, Desires
from agent.planning.known_good import KnownGood
from agent.planning.ledger import Ledger
from agent.planning.model import ProbeResult, ProbeStep
from agent.planning.ownership import Ours
from agent.planning.withdrawal import Withdrawal, judge_withdrawal
from tests.anchors import NOW
from tests.worlds import KNATIVE, LONG, ROOT, WITHDRAW_AFTER, route

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
) -> Withdrawal:
    present = None if damaged else route()
    return judge_withdrawal(
        registry=KNATIVE,
        folder=FOLDER,
        ours=Ours(files={}, route=present, in_ledger=True),
        desires=desires,
        ledger=Ledger(unwanted_since={FOLDER.path: since} if since else {}),
        now=NOW,
        withdraw_after=WITHDRAW_AFTER,
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


def test_an_old_name_of_a_registry_that_is_wanted_goes_though_its_endpoint_serves() -> None:
    wanted = Desire(
        registry=KNATIVE,
        hosts=(),
        addresses=(),
        port=443,
        ders=(),
        revoked=frozenset(),
        released=frozenset(),
    )
    renamed = replace(GONE, wanted=(wanted,))
    assert judge(renamed, since=LONG_AGO, probe=SERVING) == Withdrawal(remove=True)


def test_after_the_wait_a_damaged_directory_goes_unasked() -> None:
    assert judge(GONE, since=LONG_AGO, damaged=True) == Withdrawal(remove=True)


def test_in_an_incomplete_view_it_stays_and_the_wait_is_neither_begun_nor_forgotten() -> None:
    unknown = replace(GONE, certain=False)
    assert judge(unknown) == Withdrawal(remove=False)
    assert judge(unknown, since=LONG_AGO) == Withdrawal(remove=False, unwanted_since=LONG_AGO)


def test_a_service_that_is_asked_for_but_cannot_be_used_stays_and_its_wait_is_over() -> None:
    refused = replace(GONE, kept=frozenset({KNATIVE}))
    assert judge(refused, since=LONG_AGO) == Withdrawal(remove=False)
