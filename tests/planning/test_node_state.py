"""What an outcome comes to, in one word; and that a Lease can always carry it."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Problem, Reason
from agent.planning.desires import MAX_REGISTRIES
from agent.planning.model import RegistryName
from agent.planning.node_state import (
    CONFIG_SHA256,
    MAX_LABEL_LENGTH,
    REASON,
    RUNTIME,
    STATE,
    TRUST_ANCHORS,
    TRUST_SHA256,
    VERSION,
    NodeState,
    State,
    by_registry,
    label_value,
    node_state,
    rank,
    read_by_registry,
    removed_state,
    state_of,
)
from agent.planning.outcome import Outcome, RegistryStatus
from agent.planning.trust_bundle import MAX_CERTIFICATES
from tests.anchors import NOW, fingerprint, trust_sha256
from tests.worlds import NEW_IP, World, bundle, converged, endpoint, service

LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
"""apimachinery/pkg/util/validation: labelValueFmt."""

ANNOTATIONS_BYTES = 256 * 1024
"""apimachinery/pkg/api/validation: TotalAnnotationSizeLimitB, keys and values together."""

problems = st.builds(Problem, reason=st.sampled_from(Reason), where=st.text(), detail=st.text())


def state(world: World) -> NodeState:
    return node_state(world.run(), version="1.0")


def outcome(*found: Problem) -> Outcome:
    return Outcome(
        problems=found, registries=(), files_written=0, changed=(), seconds=0.0, finished=NOW
    )


def problem(reason: Reason) -> Problem:
    return Problem(reason=reason, where="here", detail="so")


class TestState:
    def test_a_node_in_order_is_ok_and_says_what_it_trusts(self) -> None:
        found = state(converged())
        assert found.labels == {
            STATE: "ok",
            REASON: None,
            RUNTIME: "containerd_2.1.4",
            VERSION: "1.0",
        }
        assert found.annotations == {
            TRUST_SHA256: f"registry/knative={trust_sha256(1)}",
            TRUST_ANCHORS: f"registry/knative={fingerprint(1)}",
            CONFIG_SHA256: found.annotations[CONFIG_SHA256],
        }

    def test_a_node_that_nothing_is_asked_of_is_ok_and_trusts_nothing(self) -> None:
        world = World()
        world.ask()
        assert state(world).labels[STATE] == "ok"
        assert set(state(world).annotations.values()) == {None}

    def test_a_held_change_leaves_the_anchors_that_are_there(self) -> None:
        world = converged()
        world.ask(service(), trust=bundle(2))
        assert (state(world).state, state(world).reason) == (State.HELD, Reason.HELD)
        assert state(world).annotations[TRUST_ANCHORS] == f"registry/knative={fingerprint(1)}"

    def test_an_anchor_that_was_added_is_listed(self) -> None:
        world = converged()
        world.ask(service(), trust=bundle(1, 2))
        anchors = read_by_registry(state(world).annotations[TRUST_ANCHORS] or "")
        assert set(anchors["registry/knative"]) == {fingerprint(1), fingerprint(2)}

    def test_a_registry_that_is_not_on_the_node_lists_no_anchor(self) -> None:
        world = converged()
        world.ask(service(), service("10.96.0.60", name="builds"))
        world.state.faults = replace(
            world.state.faults, at=world.state.faults.effects + 2
        )  # the ledger
        assert set(read_by_registry(state(world).annotations[TRUST_ANCHORS] or "")) == {
            "registry/knative"
        }

    def test_a_registry_that_fell_silent_degrades_the_node(self) -> None:
        world = converged()
        world.fall_silent()
        assert state(world).state is State.DEGRADED

    def test_the_worst_problem_leads_and_of_equal_ones_the_first(self) -> None:
        found = outcome(*map(problem, (Reason.HELD, Reason.TIMEOUT, Reason.DISK_FULL)))
        assert node_state(found, version="").reason is Reason.TIMEOUT

    @pytest.mark.parametrize(
        ("reason", "expected"),
        [
            (Reason.NO_RUNTIME_FOUND, State.UNSUPPORTED),
            (Reason.CONFIG_PATH_UNSET, State.NEEDS_RESTART),
            (Reason.HOST_TAKEN, State.REFUSED),
            (Reason.BUNDLE_EXPIRED, State.REFUSED),
            (Reason.NO_TRUST_BUNDLE, State.DEGRADED),
            (Reason.READ_ONLY_FILE_SYSTEM, State.DEGRADED),
        ],
    )
    def test_a_reason_makes_a_state(self, reason: Reason, expected: State) -> None:
        assert state_of(problem(reason)) is expected

    @given(st.lists(problems, min_size=1))
    def test_a_node_with_a_problem_is_never_ok_nor_removed(self, found: list[Problem]) -> None:
        made = node_state(outcome(*found), version="")
        assert made.state not in {State.OK, State.REMOVED}
        assert all(rank(made.state) <= rank(state_of(item)) for item in found)

    def test_a_node_that_was_put_back_says_what_others_keep_there(self) -> None:
        world = converged()
        assert removed_state(world.agent.remove(), version="1").labels[REASON] is None
        world = converged()
        world.put_file("knative.registry.svc:5000", "note.txt", b"theirs")
        found = removed_state(world.agent.remove(), version="1")
        assert (found.state, found.reason) == (State.REMOVED, Reason.CHANGED_BY_OTHERS)


class TestConfiguration:
    def test_is_the_same_on_nodes_that_pull_alike(self) -> None:
        found = state(converged())
        other = replace(found, runtime="cri-o 1.37", version="2", state=State.HELD)
        assert found.annotations[CONFIG_SHA256] == other.annotations[CONFIG_SHA256]

    def test_is_another_where_the_endpoint_or_the_trust_is(self) -> None:
        found = state(converged())
        [status] = found.registries
        others = [
            replace(status, endpoint=endpoint(NEW_IP)),
            replace(status, trust_sha256=trust_sha256(2)),
            replace(status, hosts=status.hosts[:1]),
        ]
        made = {
            replace(found, registries=(item,)).annotations[CONFIG_SHA256]
            for item in (status, *others)
        }
        assert len(made) == 4


class TestFitsIntoALease:
    @given(st.text())
    def test_any_text_becomes_a_label_value(self, text: str) -> None:
        value = label_value(text)
        assert len(value) <= MAX_LABEL_LENGTH
        assert LABEL.fullmatch(value)

    def test_what_can_be_said_is(self) -> None:
        assert label_value("containerd 2.1.9+ds1-5~") == "containerd_2.1.9_ds1-5"

    @pytest.mark.parametrize("reason", Reason)
    def test_every_reason_and_state_is_a_label_value_as_it_is(self, reason: Reason) -> None:
        assert label_value(reason) == reason
        assert label_value(state_of(problem(reason))) == state_of(problem(reason))

    def test_the_largest_node_there_may_be(self) -> None:
        anchors = tuple(f"{number:064x}" for number in range(2 * MAX_CERTIFICATES))
        found = NodeState(
            state=State.OK,
            reason=None,
            runtime="",
            version="",
            registries=tuple(largest(number, anchors) for number in range(MAX_REGISTRIES)),
        )
        written = {key: text or "" for key, text in found.annotations.items()}
        assert sum(len(key) + len(text) for key, text in written.items()) < ANNOTATIONS_BYTES
        assert len(read_by_registry(written[TRUST_ANCHORS])) == MAX_REGISTRIES

    def test_what_is_larger_still_is_left_out_whole(self) -> None:
        text = by_registry({f"a/{number}": ["0" * 64] * 1000 for number in range(9)})
        assert len(text) < ANNOTATIONS_BYTES
        assert {len(items) for items in read_by_registry(text).values()} == {1000}

    @given(
        st.dictionaries(
            st.from_regex(r"[a-z]{1,9}/[a-z]{1,9}", fullmatch=True),
            st.lists(st.from_regex(r"[0-9a-f]{8}", fullmatch=True), min_size=1).map(tuple),
        )
    )
    def test_what_is_written_by_registry_is_read_back(
        self, values: dict[str, tuple[str, ...]]
    ) -> None:
        assert read_by_registry(by_registry(values)) == values

    @given(st.text())
    def test_what_others_wrote_there_is_read_too(self, text: str) -> None:
        read_by_registry(text)


def largest(number: int, anchors: tuple[str, ...]) -> RegistryStatus:
    return RegistryStatus(
        registry=RegistryName(namespace="n" * 63, name=f"{number:063}"),
        hosts=("h" * 253,) * 4,
        endpoint=endpoint(),
        trust_sha256="0" * 64,
        reached=frozenset(),
        trust_expiry=None,
        anchors=anchors,
    )
