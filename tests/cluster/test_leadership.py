"""One leader at a time, by a clock that is told what to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agent.cluster.leadership import (
    LEASES,
    PATH,
    PHASE,
    PROGRESS,
    READ_SECONDS,
    SPREAD,
    Leadership,
)
from agent.errors import Reason
from agent.planning.election import USUAL
from tests.cluster.fake_api import DOWN, FakeApi, Object, refusal
from tests.fakes import FakeClock


@dataclass(slots=True, kw_only=True)
class Interrupted(FakeApi):
    """Where something else happens between an answer and what is done about it."""

    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        answer = FakeApi.get(self, path, query)
        if self.meanwhile:
            self.meanwhile.pop()()
        return answer


@dataclass(kw_only=True)
class Candidates:
    """Any number of them on one API server, with one clock."""

    api: FakeApi = field(default_factory=FakeApi)
    clock: FakeClock = field(default_factory=FakeClock)
    changes: list[str] = field(default_factory=list)

    def one(self, name: str) -> Leadership:
        return Leadership(
            self.api,
            identity=name,
            clock=self.clock,
            changed=lambda: self.changes.append(name),
        )

    def passes(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @property
    def lease(self) -> dict[str, Any]:
        return self.api.objects[PATH]


def test_one_answer_that_never_comes_costs_nobody_the_lease() -> None:
    longest = (USUAL.renew + USUAL.retry) * (1 + SPREAD) + READ_SECONDS
    assert longest < USUAL.duration


class TestByTheClock:
    def test_the_first_one_makes_the_lease_and_leads(self) -> None:
        here = Candidates()
        first = here.one("a")
        first.tend()
        assert first.is_leader
        assert here.changes == ["a"]
        spec = here.lease["spec"]
        assert spec["holderIdentity"] == "a"
        assert spec["leaseDurationSeconds"] == 15
        assert spec["leaseTransitions"] == 0
        assert spec["acquireTime"] == spec["renewTime"]

    def test_the_second_one_waits_while_the_first_renews(self) -> None:
        here = Candidates()
        first, second = here.one("a"), here.one("b")
        for _ in range(20):
            first.tend()
            second.tend()
            assert (first.is_leader, second.is_leader) == (True, False)
            here.passes(USUAL.renew)
        assert here.lease["spec"]["leaseTransitions"] == 0

    def test_it_takes_over_when_the_lease_was_as_it_is_for_its_duration(self) -> None:
        here = Candidates()
        first, second = here.one("a"), here.one("b")
        first.tend()
        second.tend()
        here.passes(USUAL.duration - 0.1)
        second.tend()
        assert not second.is_leader
        here.passes(0.1)
        second.tend()
        assert second.is_leader
        assert here.lease["spec"]["holderIdentity"] == "b"
        assert here.lease["spec"]["leaseTransitions"] == 1
        first.tend()
        assert not first.is_leader

    def test_the_times_in_the_lease_are_nobodys_clock(self) -> None:
        here = Candidates()
        here.one("a").tend()
        here.api.patch(PATH, {"spec": {"renewTime": "1970-01-01T00:00:00.000000Z"}})
        second = here.one("b")
        second.tend()
        assert not second.is_leader

    def test_whoever_cannot_renew_stops_before_another_may_begin(self) -> None:
        here = Candidates()
        first = here.one("a")
        first.tend()
        here.api.failing[PATH] = DOWN
        here.passes(USUAL.deadline)
        assert USUAL.deadline < USUAL.duration
        assert not first.is_leader
        first.tend()
        assert first.problem is not None
        assert first.problem.reason is Reason.API_UNREACHABLE
        del here.api.failing[PATH]
        first.tend()
        assert first.is_leader
        assert first.problem is None

    def test_of_two_that_saw_the_same_lease_expire_only_one_wins(self) -> None:
        here = Candidates(api=Interrupted())
        here.one("a").tend()
        second, third = here.one("b"), here.one("c")
        second.tend()
        third.tend()
        here.passes(USUAL.duration)
        assert isinstance(here.api, Interrupted)
        here.api.meanwhile.append(third.tend)
        second.tend()
        assert (second.is_leader, third.is_leader) == (False, True)
        assert second.problem is None

    def test_of_two_that_saw_none_only_one_wins(self) -> None:
        here = Candidates()
        first = here.one("a")
        here.api.failing[LEASES] = refusal(409, "AlreadyExists")
        first.tend()
        assert not first.is_leader
        assert first.problem is None

    def test_a_leader_that_somebody_else_replaced_stops_when_it_looks(self) -> None:
        here = Candidates()
        first = here.one("a")
        first.tend()
        here.api.patch(PATH, {"spec": {"holderIdentity": "b"}})
        first.tend()
        assert not first.is_leader
        assert here.changes == ["a", "a"]

    def test_a_released_lease_is_free_at_once(self) -> None:
        here = Candidates()
        first, second = here.one("a"), here.one("b")
        first.tend()
        second.tend()
        first.close()
        assert not first.is_leader
        second.tend()
        assert second.is_leader

    def test_who_does_not_lead_releases_nothing(self) -> None:
        here = Candidates()
        first, second = here.one("a"), here.one("b")
        first.tend()
        second.tend()
        asked = len(here.api.requests)
        second.close()
        assert here.lease["spec"]["holderIdentity"] == "a"
        assert len(here.api.requests) == asked

    def test_who_was_replaced_releases_nothing(self) -> None:
        here = Candidates()
        first = here.one("a")
        first.tend()
        here.api.patch(PATH, {"spec": {"holderIdentity": "b"}})
        first.close()
        assert here.lease["spec"]["holderIdentity"] == "b"

    def test_who_cannot_release_ends_all_the_same(self) -> None:
        here = Candidates()
        first = here.one("a")
        first.tend()
        here.api.failing[PATH] = DOWN
        first.close()
        assert not first.is_leader
        assert first.problem is not None

    def test_a_lease_that_claims_to_last_for_ever_does_not(self) -> None:
        here = Candidates()
        here.one("a").tend()
        here.api.patch(PATH, {"spec": {"leaseDurationSeconds": 2**31 - 1}})
        second = here.one("b")
        second.tend()
        here.passes(3600)
        second.tend()
        assert second.is_leader

    def test_what_is_told_stands_on_the_lease_from_the_next_renewal_on(self) -> None:
        here = Candidates()
        first = here.one("a")
        first.tend()
        first.tell(phase="staged", progress="2 of 3 nodes have the next CA")
        first.tend()
        annotations = here.lease["metadata"]["annotations"]
        assert annotations == {PHASE: "staged", PROGRESS: "2 of 3 nodes have the next CA"}
