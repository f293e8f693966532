"""The node's Lease, its Events and who it is: the same in memory and on a real API server."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.events import create_event
from agent.cluster.leases import LEASES, NodeLeases, lease_name
from agent.cluster.node_identity import NodeIdentity, find_identity
from agent.errors import Reason
from agent.planning.node_events import MAX_NOTE_BYTES, Notice, told_by_lease
from agent.planning.node_state import REASON, RUNTIME, STATE, VERSION, NodeState, State
from tests.anchors import NOW
from tests.cluster.node_api import KINDS, NodeApi, of_kind

OK = NodeState(state=State.OK, reason=None, runtime="containerd 2.1.9", version="1.0")
HELD = replace(OK, state=State.HELD, reason=Reason.HELD)


@pytest.fixture(params=KINDS)
def node(request: pytest.FixtureRequest) -> Iterator[NodeApi]:
    with of_kind(request.param, request) as made:
        yield made


@pytest.fixture
def me(node: NodeApi) -> NodeIdentity:
    return find_identity(node.api, node_name="not asked for")


def labels(node: NodeApi) -> dict[str, str]:
    found: dict[str, str] = node.lease()["metadata"]["labels"]
    return found


class TestIdentity:
    def test_is_what_the_token_is_bound_to(self, node: NodeApi, me: NodeIdentity) -> None:
        assert me == NodeIdentity(name=node.node, uid=node.uid)


class TestLease:
    def test_is_made_with_all_that_it_says(self, node: NodeApi, me: NodeIdentity) -> None:
        leases = NodeLeases(node.api)
        assert not leases.renew(me, OK, now=NOW)
        leases.create(me, OK, now=NOW)
        assert labels(node) == {STATE: "ok", RUNTIME: "containerd_2.1.9", VERSION: "1.0"}
        spec = node.lease()["spec"]
        assert spec["holderIdentity"] == node.node
        assert spec["leaseDurationSeconds"] == 1500
        assert datetime.fromisoformat(spec["renewTime"]) == NOW

    def test_is_owned_by_the_node(self, node: NodeApi, me: NodeIdentity) -> None:
        NodeLeases(node.api).create(me, OK, now=NOW)
        [owner] = node.lease()["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Node", node.node, node.uid)

    def test_is_renewed_and_what_others_put_onto_it_stays(
        self, node: NodeApi, me: NodeIdentity
    ) -> None:
        leases = NodeLeases(node.api)
        leases.create(me, HELD, now=NOW)
        assert labels(node)[REASON] == "held"
        theirs = {"metadata": {"labels": {"example.com/theirs": "yes"}}}
        node.api.patch(f"{LEASES}/{lease_name(node.node)}", theirs)
        later = NOW + timedelta(minutes=10)
        assert leases.renew(me, OK, now=later)
        assert labels(node)["example.com/theirs"] == "yes"
        assert labels(node)[STATE] == "ok"
        assert REASON not in labels(node)
        assert datetime.fromisoformat(node.lease()["spec"]["renewTime"]) == later
        assert node.lease()["metadata"]["ownerReferences"]

    def test_that_another_agent_of_the_node_has_just_made_is_renewed(
        self, node: NodeApi, me: NodeIdentity
    ) -> None:
        NodeLeases(node.api).create(me, HELD, now=NOW)
        NodeLeases(node.api).create(me, OK, now=NOW)
        assert labels(node)[STATE] == "ok"

    def test_tells_the_next_process_what_was_told(self, node: NodeApi, me: NodeIdentity) -> None:
        leases = NodeLeases(node.api)
        assert leases.told(me) == told_by_lease(state="", reason="")
        leases.create(me, HELD, now=NOW)
        assert leases.told(me) == told_by_lease(state="held", reason="held")

    def test_that_was_deleted_is_missed(self, node: NodeApi, me: NodeIdentity) -> None:
        leases = NodeLeases(node.api)
        leases.create(me, OK, now=NOW)
        node.delete_lease()
        assert not leases.renew(me, OK, now=NOW)
        leases.create(me, OK, now=NOW)
        assert labels(node)[STATE] == "ok"


class TestEvent:
    @pytest.mark.parametrize(
        "note", ["so it is", "x" * MAX_NOTE_BYTES, "é" * (MAX_NOTE_BYTES // 2)]
    )
    def test_of_any_note_that_may_be_is_taken(
        self, node: NodeApi, me: NodeIdentity, note: str
    ) -> None:
        notice = Notice(reason="Held", note=note, warning=True)
        create_event(node.api, me, notice, now=NOW)
        create_event(node.api, replace(me, uid=""), notice, now=NOW)


@pytest.mark.realcluster
class TestRealServerOnly:
    @pytest.fixture
    def real(self, request: pytest.FixtureRequest) -> Iterator[NodeApi]:
        with of_kind("real", request) as made:
            yield made

    def test_a_name_that_is_too_long_for_a_lease_is_refused_in_words(self, real: NodeApi) -> None:
        long = NodeIdentity(name="n" * 250, uid="")
        leases = NodeLeases(real.api)
        assert not leases.renew(long, OK, now=NOW)
        with pytest.raises(ApiRefusedError, match="no more than 253 characters"):
            leases.create(long, OK, now=NOW)
