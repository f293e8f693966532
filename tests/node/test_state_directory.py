"""The agent's own directory: what is kept, what is set aside, what is left after `remove`."""

import json
import os
import threading
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from stat import S_IMODE

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.errors import NodeTrouble, Reason
from agent.node.state_directory import StateDirectory
from agent.planning.known_good import GoodService, KnownGood
from agent.planning.ledger import Ledger, adopt
from agent.planning.model import Folder, HostPath, RegistryName
from tests.node.host_trees import FOLDER, OLD, plant, tree

PATH = HostPath("/var/lib/registry-node-agent")
LEDGER = adopt(
    Ledger(
        made=(Folder(base=HostPath("/etc"), below=("containerd",)),),
        unwanted_since={FOLDER.path: datetime(2026, 11, 23, tzinfo=UTC)},
    ),
    folder=FOLDER,
    files=OLD,
)
REGISTRY = RegistryName(namespace="registry", name="knative")
VIEW = KnownGood(
    services={
        REGISTRY: GoodService(registry=REGISTRY, addresses=(ip_address("10.96.0.50"),), port=5000)
    },
    bundles={"configmap:registry-trust/registry-trust": "PEM"},
)


def directory(host_root: Path) -> StateDirectory:
    return StateDirectory(
        host_root=host_root, path=PATH, stop=threading.Event(), lock_timeout_seconds=0
    )


@pytest.fixture
def node(tmp_path: Path) -> Path:
    plant(tmp_path / "etc", {"machine-id": b"0123\n"})
    (tmp_path / "var/lib").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def state(node: Path) -> StateDirectory:
    return directory(node)


@pytest.fixture
def kept(node: Path) -> Path:
    """Where the state is, in the tests' own view."""
    return node / "var/lib/registry-node-agent"


def test_a_node_without_state_has_an_empty_ledger_and_no_view(
    state: StateDirectory, kept: Path
) -> None:
    assert state.load_ledger() == Ledger()
    assert state.load_known_good() == KnownGood()
    assert state.problems == ()
    assert not kept.exists()


def test_what_was_saved_is_loaded_by_the_next_agent(node: Path, state: StateDirectory) -> None:
    state.save_ledger(LEDGER)
    state.save_known_good(VIEW)
    assert directory(node).load_ledger() == LEDGER
    assert directory(node).load_known_good() == VIEW


def test_nobody_else_may_read_it(state: StateDirectory, kept: Path) -> None:
    with state.exclusive(), state.hold_alive():
        state.save_ledger(LEDGER)
        state.save_known_good(VIEW)
    assert S_IMODE(kept.stat().st_mode) == 0o700
    assert {S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}


def test_what_is_unchanged_is_not_written_again(state: StateDirectory, kept: Path) -> None:
    state.save_ledger(LEDGER)
    before = (kept / "ledger.json").stat()
    state.save_ledger(LEDGER)
    assert (kept / "ledger.json").stat() == before


def test_what_was_changed_or_wiped_by_others_is_written_again(
    state: StateDirectory, kept: Path
) -> None:
    state.save_ledger(LEDGER)
    (kept / "ledger.json").write_text("{}")
    state.save_ledger(LEDGER)
    assert state.load_ledger() == LEDGER
    (kept / "ledger.json").unlink()
    kept.rmdir()
    state.save_ledger(LEDGER)
    assert state.load_ledger() == LEDGER


def test_the_ledger_of_another_machine_says_nothing_here(node: Path, state: StateDirectory) -> None:
    """A state directory copied with the image of a node."""
    state.save_ledger(LEDGER)
    (node / "etc/machine-id").write_text("4567\n")
    assert state.load_ledger() == Ledger()
    assert state.problems == ()


def test_a_node_without_a_machine_id_still_keeps_a_ledger(
    node: Path, state: StateDirectory
) -> None:
    (node / "etc/machine-id").unlink()
    state.save_ledger(LEDGER)
    assert state.load_ledger() == LEDGER


def test_what_is_no_plain_file_is_never_waited_for(node: Path, state: StateDirectory) -> None:
    state.save_ledger(LEDGER)
    os.mkfifo(node / "var/lib/registry-node-agent/alive")
    with state.without_run():
        pass
    (node / "etc/machine-id").unlink()
    os.mkfifo(node / "etc/machine-id")
    with pytest.raises(NodeTrouble, match="Not a regular file"):
        state.load_ledger()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"schema": 1}', b"null"])
def test_a_broken_ledger_is_told_and_set_aside_by_the_next_one(
    state: StateDirectory, kept: Path, content: bytes
) -> None:
    plant(kept, {"ledger.json": content})
    assert state.load_ledger() == Ledger()
    assert [problem.reason for problem in state.problems] == [Reason.LEDGER_UNREADABLE]
    assert tree(kept) == {"ledger.json": content}
    state.save_ledger(LEDGER)
    assert tree(kept)["ledger.json.broken"] == content
    assert state.load_ledger() == LEDGER
    assert state.problems == ()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"schema": 1}'])
def test_a_broken_view_is_no_view(state: StateDirectory, kept: Path, content: bytes) -> None:
    plant(kept, {"view.json": content})
    assert state.load_known_good() == KnownGood()


def test_of_the_directories_that_it_made_it_removes_none_that_does_not_hold_it(
    node: Path, state: StateDirectory, kept: Path
) -> None:
    others = node / "etc/empty"
    others.mkdir(parents=True)
    plant(kept, {"made.json": json.dumps(["/etc/empty", "/etc/\0", "/var/lib"]).encode()})
    state.remove_all()
    assert others.exists()
    assert not kept.parent.exists()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=40)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["schema", "machine-id", "entries", "made"]), inner)
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode())
)
@example(content=b'"\\u0000"')
def test_no_bytes_in_its_place_end_the_agent(
    state: StateDirectory, kept: Path, content: bytes
) -> None:
    plant(kept, {"ledger.json": content, "view.json": content, "made.json": content})
    assert state.load_ledger() == Ledger()
    assert state.load_known_good() == KnownGood()
    state.remove_all()
    assert not kept.exists()


@pytest.mark.parametrize("level", ["registry-node-agent", "registry-node-agent/ledger.json"])
def test_a_link_in_its_place_is_refused_and_its_target_untouched(
    node: Path, state: StateDirectory, level: str
) -> None:
    target = plant(node / "etc/target", {"ledger.json": b"theirs"})
    link = node / "var/lib" / level
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target / "ledger.json" if "json" in level else target)
    with pytest.raises(NodeTrouble) as caught:
        state.save_ledger(LEDGER)
    assert caught.value.problem.reason is Reason.SYMLINK_REFUSED
    assert tree(target) == {"ledger.json": b"theirs"}


def test_the_base_may_be_a_link_of_the_node(node: Path, state: StateDirectory) -> None:
    (node / "var/lib").rmdir()
    (node / "mnt").mkdir()
    (node / "var/lib").symlink_to("/mnt")
    state.save_ledger(LEDGER)
    assert (node / "mnt/registry-node-agent/ledger.json").exists()


def test_remove_leaves_nothing_of_it(node: Path, state: StateDirectory) -> None:
    before = tree(node)
    with state.hold_alive(), state.exclusive():
        state.save_ledger(LEDGER)
        state.save_known_good(VIEW)
    state.remove_all()
    state.remove_all()
    assert tree(node) == before


def test_remove_deletes_the_parents_that_we_made_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    state = directory(tmp_path)
    state.save_ledger(LEDGER)
    assert (tmp_path / "var/lib/registry-node-agent").is_dir()
    state.remove_all()
    assert tree(tmp_path) == {"var": None}


def test_remove_leaves_what_others_put_there(state: StateDirectory, kept: Path) -> None:
    state.save_ledger(LEDGER)
    (kept / "notes.txt").write_text("theirs")
    state.remove_all()
    assert tree(kept) == {"notes.txt": b"theirs"}
