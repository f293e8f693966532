"""What the node's thread publishes and when, and that it gives the API server time."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.cluster.events import EVENTS
from agent.cluster.leases import LEASES
from agent.cluster.node_identity import REVIEWS
from agent.cluster.node_status import (
    CALM_SECONDS,
    DOUBT_SECONDS,
    RETRY_SECONDS,
    SIGN_OF_LIFE_SECONDS,
    SPREAD_SECONDS,
    NodeStatus,
)
from agent.errors import Problem, Reason
from agent.planning.node_state import REASON, STATE, NodeState, State
from tests.cluster.fake_api import DOWN, FakeApi, Object, refusal
from tests.fakes import FakeClock
from tests.ground.namespaces import wait_until

OK = NodeState(state=State.OK, reason=None, runtime="containerd 2.1.9", version="1.0")
BAD = replace(OK, state=State.DEGRADED, reason=Reason.TIMEOUT)
AWAY = replace(OK, state=State.DEGRADED, reason=Reason.API_UNREACHABLE)
UNREACHABLE = Problem(reason=Reason.API_UNREACHABLE, where="https://10.96.0.1", detail="refused")
TIMEOUT = Problem(reason=Reason.TIMEOUT, where="https://10.96.0.50", detail="no answer")


class Node:
    """A thread's work, done step by step by a clock that only moves when told to."""

    def __init__(self, api: FakeApi | None = None) -> None:
        self.api = api or FakeApi()
        self.clock = FakeClock()
        self.said: list[Problem] = []
        self.status = self.start()

    def start(self) -> NodeStatus:
        """A new process of this node."""
        return NodeStatus(
            api=self.api,
            node_name=self.api.node,
            clock=self.clock,
            stop=threading.Event(),
            say=self.said.append,
        )

    def find(self, state: NodeState, *problems: Problem) -> None:
        self.status.publish(state, problems)
        self.status.step()

    def later(self, seconds: float) -> None:
        """Let time pass, coming again whenever the thread would."""
        until = self.clock.time + timedelta(seconds=seconds)
        while (left := (until - self.clock.time).total_seconds()) > 0:
            wait = self.status.step()
            self.clock.advance(timedelta(seconds=min(left, max(wait, 0.001))))
        self.status.step()

    @property
    def lease(self) -> Object:
        [found] = self.api.below(LEASES)
        return found

    @property
    def state(self) -> str:
        return str(self.lease["metadata"]["labels"][STATE])

    @property
    def events(self) -> list[str]:
        return [str(event["reason"]) for event in self.api.below(EVENTS)]

    @property
    def writes(self) -> int:
        return self.api.count("patch", LEASES) + self.api.count("create", LEASES)


class TestLease:
    def test_says_at_once_what_is_found_first_and_within_seconds_what_changes(self) -> None:
        node = Node()
        node.find(OK)
        assert node.state == "ok"
        node.later(60)
        node.find(BAD, TIMEOUT)
        node.later(SPREAD_SECONDS)
        assert node.lease["metadata"]["labels"][REASON] == "timeout"
        node.later(60)
        node.find(OK)
        node.later(SPREAD_SECONDS)
        assert node.state == "ok"

    def test_of_nodes_that_find_a_change_in_the_same_moment_are_spread(self) -> None:
        nodes = [Node() for _ in range(400)]
        for node in nodes:
            node.find(OK)
            node.later(60)
            node.find(BAD, TIMEOUT)
        for share in (0.3, 0.6):
            for node in nodes:
                node.later(0.3 * SPREAD_SECONDS)
            told = sum(node.state == "degraded" for node in nodes)
            assert 0.6 < told / (share * len(nodes)) < 1.4

    def test_gives_a_sign_of_life_every_ten_minutes_and_none_between(self) -> None:
        node = Node()
        node.find(OK)
        before = node.writes
        for _ in range(6 * 60):
            node.find(OK)
            node.later(10)
        assert 5 <= node.writes - before <= 7

    def test_of_a_thousand_nodes_do_not_all_come_at_one_time(self) -> None:
        nodes = [Node() for _ in range(50)]
        waits = []
        for node in nodes:
            node.find(OK)
            waits.append(node.status.step())
        assert min(waits) < SIGN_OF_LIFE_SECONDS * 0.95 < SIGN_OF_LIFE_SECONDS * 1.05 < max(waits)

    def test_is_not_written_for_what_it_does_not_show(self) -> None:
        node = Node()
        node.find(BAD, TIMEOUT)
        before = node.writes
        node.later(60)
        node.find(BAD, replace(TIMEOUT, detail="in other words"))
        assert node.writes == before

    def test_of_a_node_that_flaps_is_written_every_few_seconds_and_ends_right(self) -> None:
        node = Node()
        for number in range(600):
            node.find(*((OK,) if number % 2 else (BAD, TIMEOUT)))
            node.later(0.1)
        assert node.writes <= 60 / (CALM_SECONDS / 2) + 2
        node.later(2 * CALM_SECONDS)
        assert node.state == "ok"

    def test_that_somebody_deleted_is_there_again_with_the_uid_of_today(self) -> None:
        node = Node()
        node.find(OK)
        node.api.objects.clear()
        node.api.uid = "uid-2"
        node.later(1.2 * SIGN_OF_LIFE_SECONDS)
        [owner] = node.lease["metadata"]["ownerReferences"]
        assert owner["uid"] == "uid-2"


class TestEvents:
    def test_are_made_when_something_begins_and_when_all_is_well_again(self) -> None:
        node = Node()
        node.find(OK)
        node.later(100)
        node.find(BAD, TIMEOUT)
        node.later(100)
        node.find(BAD, TIMEOUT)
        node.later(100)
        node.find(OK)
        node.later(SPREAD_SECONDS)
        assert node.events == ["RegistryInSync", "Timeout", "RegistryInSync"]

    def test_of_nodes_that_find_one_more_reason_in_the_same_moment_are_spread(self) -> None:
        """One that the Lease does not name: the worst has not changed."""
        nodes = [Node() for _ in range(400)]
        for node in nodes:
            node.find(BAD, TIMEOUT)
            node.later(100)
            node.find(BAD, TIMEOUT, replace(TIMEOUT, reason=Reason.HTTP_ERROR))
        for share in (0.3, 0.6):
            for node in nodes:
                node.later(0.3 * SPREAD_SECONDS)
            told = sum("HttpError" in node.events for node in nodes)
            assert 0.6 < told / (share * len(nodes)) < 1.4

    def test_of_a_node_that_flaps_are_one_a_minute_and_the_last_is_right(self) -> None:
        node = Node()
        for number in range(3000):
            node.find(*((OK,) if number % 2 else (BAD, TIMEOUT)))
            node.later(0.1)
        assert len(node.events) <= 2 * (300 / 60 + 1)
        node.find(OK)
        node.later(61)
        assert node.events[-1] == "RegistryInSync"

    def test_are_not_made_again_by_the_next_process(self) -> None:
        node = Node()
        node.find(BAD, TIMEOUT)
        node.status = node.start()
        node.find(BAD, TIMEOUT)
        assert node.events == ["Timeout"]
        node.find(OK)
        node.later(SPREAD_SECONDS)
        assert node.events == ["Timeout", "RegistryInSync"]

    def test_name_the_node_by_its_uid(self) -> None:
        node = Node()
        node.find(OK)
        [event] = node.api.below(EVENTS)
        assert event["regarding"] == {
            "apiVersion": "v1",
            "kind": "Node",
            "name": "node-1",
            "uid": "uid-1",
        }

    def test_that_may_not_be_made_keep_no_lease_from_being_written(self) -> None:
        node = Node(FakeApi(failing={EVENTS: refusal(403)}))
        node.find(OK)
        node.later(3600)
        assert node.writes >= 6
        assert [problem.reason for problem in node.said] == [Reason.API_FORBIDDEN]
        assert node.api.count("create", EVENTS) < 200


class TestDoubt:
    """The watch says that the API server is away."""

    @pytest.mark.parametrize("seconds", [10, 61, 100, 300, 3600])
    def test_an_outage_is_not_told_when_it_is_over(self, seconds: int) -> None:
        node = Node()
        node.find(OK)
        node.later(100)
        node.api.failing["/"] = DOWN
        node.find(AWAY, UNREACHABLE)
        node.later(seconds)
        node.api.failing.clear()
        assert node.state == "ok"
        node.later(DOUBT_SECONDS - 1)
        assert node.state == "ok"
        node.find(OK)
        node.later(2 * RETRY_SECONDS)
        assert node.state == "ok"
        assert node.events == ["RegistryInSync"]

    def test_an_outage_in_the_midst_of_doubt_begins_it_anew(self) -> None:
        node = Node()
        node.find(OK)
        node.find(AWAY, UNREACHABLE)
        node.later(DOUBT_SECONDS / 2)
        node.api.failing["/"] = DOWN
        node.later(300)
        node.api.failing.clear()
        node.later(DOUBT_SECONDS - 1)
        assert node.state == "ok"

    def test_what_lasts_while_this_thread_reaches_the_server_is_told(self) -> None:
        node = Node()
        node.find(OK)
        node.find(AWAY, UNREACHABLE)
        node.later(DOUBT_SECONDS - 1)
        assert node.state == "ok"
        node.later(1 + SPREAD_SECONDS)
        assert node.lease["metadata"]["labels"][REASON] == "api-unreachable"

    def test_a_node_that_never_saw_what_is_asked_for_does_not_say_that_it_is_well(self) -> None:
        node = Node()
        node.find(AWAY, UNREACHABLE)
        assert not node.api.below(EVENTS)
        node.later(DOUBT_SECONDS)
        assert node.state == "degraded"


class TestServerAway:
    def test_is_asked_less_and_less_and_told_the_latest_when_it_is_back(self) -> None:
        node = Node(FakeApi(failing={"/": DOWN}))
        for number in range(360):
            node.find(*((OK,) if number % 2 else (BAD, TIMEOUT)))
            node.later(10)
        assert len(node.api.requests) < 2 * 3600 / (RETRY_SECONDS / 2) * 1.5
        node.api.failing.clear()
        node.find(OK)
        node.later(RETRY_SECONDS)
        assert node.state == "ok"
        assert node.events == ["RegistryInSync"]

    def test_is_complained_of_once_each_time(self) -> None:
        node = Node(FakeApi(failing={"/": DOWN}))
        node.find(OK)
        node.later(3600)
        assert [problem.reason for problem in node.said] == [Reason.API_UNREACHABLE]
        node.api.failing.clear()
        node.later(RETRY_SECONDS)
        node.api.failing["/"] = DOWN
        node.later(3600)
        assert [problem.reason for problem in node.said] == [Reason.API_UNREACHABLE] * 2

    def test_gets_the_time_it_asks_for(self) -> None:
        busy = refusal(429)
        busy.retry_after_seconds = 50.0
        node = Node(FakeApi(failing={REVIEWS: DOWN, LEASES: busy}))
        node.find(OK)
        asked = len(node.api.requests)
        node.later(49)
        assert len(node.api.requests) <= asked + 20

    @pytest.mark.parametrize("status", [409, 500, 503])
    def test_that_refuses_for_a_while_is_tried_again(self, status: int) -> None:
        node = Node(FakeApi(failing={LEASES: refusal(status)}))
        node.find(OK)
        node.later(30)
        node.api.failing.clear()
        node.later(RETRY_SECONDS)
        assert node.state == "ok"


class TestWhoIAm:
    def test_a_token_that_names_no_node_speaks_for_the_one_in_the_settings(self) -> None:
        api = FakeApi(node="")
        api.objects["/api/v1/nodes/node-9"] = {"metadata": {"uid": "uid-9"}}
        node = Node(api)
        status = NodeStatus(
            api=api,
            node_name="node-9",
            clock=node.clock,
            stop=threading.Event(),
            say=node.said.append,
        )
        status.publish(OK, ())
        status.step()
        assert node.lease["metadata"]["name"] == "node-node-9"
        assert node.lease["metadata"]["ownerReferences"][0]["uid"] == "uid-9"

    def test_where_nothing_is_known_the_lease_has_no_owner_and_the_event_the_nodes_name(
        self,
    ) -> None:
        node = Node(FakeApi(node=""))
        node.status = NodeStatus(
            api=node.api,
            node_name="node-9",
            clock=node.clock,
            stop=threading.Event(),
            say=node.said.append,
        )
        node.find(OK)
        assert "ownerReferences" not in node.lease["metadata"]
        [event] = node.api.below(EVENTS)
        assert event["regarding"]["uid"] == "node-9"


class TestThread:
    def test_ends_soon_after_it_is_stopped(self) -> None:
        stop = threading.Event()
        api = FakeApi()
        status = NodeStatus(
            api=api, node_name="node-1", clock=FakeClock(), stop=stop, say=lambda _: None
        )
        thread = threading.Thread(target=status.run)
        thread.start()
        status.publish(OK, ())
        wait_until(lambda: api.below(EVENTS), what="it is published")
        stop.set()
        status.wake()
        thread.join(30)
        assert not thread.is_alive()

    def test_that_hangs_in_a_request_keeps_nobody_from_publishing(self) -> None:
        answered, asked = threading.Event(), threading.Event()

        def hang(_: object, __: object) -> Object:
            asked.set()
            assert answered.wait(30)
            raise DOWN

        api = FakeApi()
        status = NodeStatus(
            api=Hanging(api, hang),
            node_name="node-1",
            clock=FakeClock(),
            stop=(stop := threading.Event()),
            say=lambda _: None,
        )
        thread = threading.Thread(target=status.run)
        thread.start()
        status.publish(BAD, (TIMEOUT,))
        assert asked.wait(30)
        for _ in range(1000):
            status.publish(OK, ())
        stop.set()
        answered.set()
        status.wake()
        thread.join(30)
        assert not thread.is_alive()


class Hanging:
    """An API server of which the first request hangs."""

    def __init__(self, api: FakeApi, hang: Callable[[object, object], Object]) -> None:
        self.server = api.server
        self.create = hang
        self.get = api.get
        self.patch = api.patch
