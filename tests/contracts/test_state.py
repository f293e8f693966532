"""What every State does, the fake and the real one."""

from ipaddress import ip_address

from agent.planning.known_good import GoodService, KnownGood
from agent.planning.ledger import Ledger, adopt
from tests.anchors import NOW, pem
from tests.contracts.conftest import Records
from tests.worlds import KNATIVE, ROOT

FOLDER = ROOT.child("a.b.svc:1")
LEDGER = adopt(
    Ledger(made=(ROOT,), unwanted_since={FOLDER.path: NOW}), folder=FOLDER, files={"ca.crt": b"x"}
)
VIEW = KnownGood(
    services={KNATIVE: GoodService(registry=KNATIVE, addresses=(ip_address("::2"),), port=5000)},
    bundles={"configmap:a/b": pem(1)},
)


def test_nothing_is_on_record_at_first(records: Records) -> None:
    assert records.state.load_ledger() == Ledger()
    assert records.state.load_known_good() == KnownGood()
    assert records.state.problems == ()


def test_what_is_saved_is_loaded(records: Records) -> None:
    records.state.save_ledger(LEDGER)
    records.state.save_known_good(VIEW)
    assert records.state.load_ledger() == LEDGER
    assert records.state.load_known_good() == VIEW


def test_what_is_wiped_is_as_it_was_at_first_and_can_be_saved_again(records: Records) -> None:
    records.state.save_ledger(LEDGER)
    records.state.save_known_good(VIEW)
    records.wipe()
    assert records.state.load_ledger() == Ledger()
    assert records.state.load_known_good() == KnownGood()
    records.state.save_ledger(LEDGER)
    assert records.state.load_ledger() == LEDGER


def test_its_signature_tells_when_another_hand_was_on_the_ledger(records: Records) -> None:
    records.state.save_ledger(LEDGER)
    before = records.state.signature()
    assert records.state.signature() == before
    records.wipe()
    assert records.state.signature() != before


def test_a_broken_ledger_is_told_and_counts_as_none(records: Records) -> None:
    records.state.save_ledger(LEDGER)
    records.spoil_ledger('{"schema": 1}')
    assert records.state.load_ledger() == Ledger()
    assert [problem.reason.value for problem in records.state.problems] == ["ledger-unreadable"]
    records.state.save_ledger(LEDGER)
    assert records.state.load_ledger() == LEDGER
    assert records.state.problems == ()


def test_a_pass_may_follow_a_pass(records: Records) -> None:
    for _ in range(2):
        with records.state.exclusive():
            records.state.save_ledger(LEDGER)
