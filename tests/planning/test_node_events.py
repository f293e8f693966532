"""What an Event would say of a node, and when it is due."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Problem, Reason
from agent.planning.node_events import (
    IN_SYNC,
    MAX_NOTE_BYTES,
    MINUTE_SECONDS,
    REMOVED,
    Notice,
    Told,
    notices_of,
    shorten,
    told_by_lease,
)
from agent.planning.node_state import NodeState, State, node_state, removed_state
from tests.planning.test_node_state import outcome, problem
from tests.worlds import converged

DOWN = Notice(reason="ConnectionRefused", note="down", warning=True)
WELL = Notice(reason=IN_SYNC, note="well", warning=False)


def notices(*found: Problem) -> tuple[Notice, ...]:
    return notices_of(node_state(outcome(*found), version=""), found)


class TestWhatIsTold:
    def test_a_node_in_order_says_where_it_pulls_from(self) -> None:
        world = converged()
        [told] = notices_of(node_state(world.run(), version=""), ())
        assert (told.reason, told.warning) == ("RegistryInSync", False)
        assert told.note.startswith("registry/knative is pulled from https://10.96.0.50:5000, ")

    def test_each_reason_is_told_once_with_the_first_place_and_how_many_more(self) -> None:
        found = [problem(Reason.TIMEOUT)] * 3 + [problem(Reason.HELD)]
        timeout, held = notices(*found)
        assert (timeout.reason, held.reason) == ("Timeout", "Held")
        assert timeout.note.startswith("timeout: here: so; check network policies")
        assert timeout.note.endswith(" (and 2 more of this reason)")
        assert timeout.warning

    def test_what_goes_by_plan_is_no_warning(self) -> None:
        [told] = notices(problem(Reason.WITHDRAWAL_PENDING))
        assert not told.warning

    def test_a_node_that_was_put_back_says_so_and_what_is_left(self) -> None:
        world = converged()
        world.put_file("knative.registry.svc:5000", "note.txt", b"theirs")
        removal = world.agent.remove()
        told = notices_of(removed_state(removal, version=""), removal.left)
        assert [notice.reason for notice in told] == [REMOVED, "ChangedByOthers"]

    @given(
        st.lists(
            st.builds(
                Problem,
                reason=st.sampled_from(Reason),
                where=st.text(),
                detail=st.text(max_size=3000),
            )
        )
    )
    def test_a_note_always_fits(self, found: list[Problem]) -> None:
        for notice in notices(*found):
            assert len(notice.note.encode()) <= MAX_NOTE_BYTES

    def test_a_long_one_says_how_many_more_there_are_too(self) -> None:
        found = [replace(problem(Reason.TIMEOUT), detail="x" * 3000)] * 12
        [told] = notices(*found)
        assert len(told.note.encode()) == MAX_NOTE_BYTES
        assert told.note.endswith(" (and 11 more of this reason)")

    def test_a_secret_is_not_told(self) -> None:
        said = "sent Authorization: Basic aHVudGVyMg=="
        [told] = notices(replace(problem(Reason.PULL_FAILED), detail=said))
        assert "aHVudGVyMg" not in told.note

    @given(st.text(), st.integers(20, 200))
    def test_a_text_is_cut_in_its_middle(self, text: str, limit: int) -> None:
        cut = shorten(text, limit=limit)
        assert len(cut.encode()) <= limit
        assert cut == text or " ... " in cut or "\\u" in cut


class TestWhenItIsTold:
    def test_what_is_new_is_told_at_once_and_only_once(self) -> None:
        told = Told()
        assert told.due(DOWN, now=5.0) == 0.0
        told = told.with_one_more(DOWN, now=5.0)
        assert told.due(DOWN, now=500.0) is None

    def test_what_comes_back_is_told_again_but_not_within_the_minute(self) -> None:
        told = Told().with_one_more(DOWN, now=0.0).among([WELL])
        assert told.due(DOWN, now=20.0) == MINUTE_SECONDS - 20.0
        assert told.due(DOWN, now=61.0) == 0.0

    def test_what_an_earlier_process_told_is_not_told_again(self) -> None:
        assert told_by_lease(state="ok", reason="").due(WELL, now=0.0) is None
        refused = told_by_lease(state="degraded", reason="connection-refused")
        assert refused.due(DOWN, now=0.0) is None
        assert refused.due(WELL, now=0.0) == 0.0
        assert told_by_lease(state="", reason="").due(WELL, now=0.0) == 0.0
        assert told_by_lease(state="of tomorrow", reason="no-such") == Told()

    @given(st.lists(st.tuples(st.booleans(), st.floats(0, 30)), max_size=200))
    def test_however_fast_a_registry_comes_and_goes_a_reason_is_told_once_a_minute(
        self, history: list[tuple[bool, float]]
    ) -> None:
        told, now, made = Told(), 0.0, list[tuple[str, float]]()
        for well, seconds in [*history, (True, MINUTE_SECONDS)]:
            now += seconds
            notice = WELL if well else DOWN
            told = told.among([notice])
            if told.due(notice, now=now) == 0.0:
                told = told.with_one_more(notice, now=now)
                made.append((notice.reason, now))
        for reason in (WELL.reason, DOWN.reason):
            times = [at for name, at in made if name == reason]
            gaps = [late - early for early, late in pairwise(times)]
            assert all(gap >= MINUTE_SECONDS - 1e-6 for gap in gaps)
        assert told.standing == {IN_SYNC}


def test_every_state_and_reason_of_a_lease_can_be_read_back() -> None:
    for reason in Reason:
        state = NodeState(state=State.DEGRADED, reason=reason, runtime="", version="")
        [notice] = notices_of(state, [problem(reason)])
        assert told_by_lease(state="degraded", reason=reason).due(notice, now=0.0) is None
