"""The record of what we wrote: intent before the first byte, and after the last only what is."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Reason
from agent.planning.ledger import (
    Entry,
    Ledger,
    adopt,
    confirm,
    content_hash,
    decode,
    encode,
    file_path,
    intend,
    settle,
)
from agent.planning.model import Blocked, Folder, FoundFolder, HostPath, Missing
from agent.planning.steps import (
    AwaitReaders,
    CreateFolder,
    ReloadRuntime,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
)
from tests.anchors import NOW
from tests.worlds import NEW_IP, ROOT, endpoint

FOLDER, OTHER = ROOT.child("a.b.svc:1"), ROOT.child("c.d.svc:1")
MADE = Folder(base=HostPath("/etc"), below=("containerd",))
CREATE = CreateFolder(folder=FOLDER, files=(("ca.crt", b"old"), ("hosts.toml", b"hosts")))
REPLACE = ReplaceFile(folder=FOLDER, name="ca.crt", content=b"new")
CREATED = settle(intend(Ledger(), steps=[CREATE], made=[ROOT]), steps=[CREATE])


def hashes(ledger: Ledger, name: str = "ca.crt") -> frozenset[str]:
    return ledger.entries[file_path(FOLDER, name)].hashes


def test_a_created_directory_is_on_record_with_what_had_to_be_made_for_it() -> None:
    assert CREATED.folders() == (FOLDER,)
    assert CREATED.made == (ROOT,)
    assert hashes(CREATED) == {content_hash(b"old")}
    assert CREATED.has(FOLDER, "hosts.toml")
    assert not CREATED.has(OTHER, "hosts.toml")


def test_while_a_file_changes_both_contents_are_ours() -> None:
    intended = intend(CREATED, steps=[REPLACE], made=[])
    assert hashes(intended) == {content_hash(b"old"), content_hash(b"new")}
    assert hashes(settle(intended, steps=[REPLACE])) == {content_hash(b"new")}


def test_a_file_that_changes_twice_ends_with_the_last_content() -> None:
    last = ReplaceFile(folder=FOLDER, name="ca.crt", content=b"last")
    steps = [REPLACE, AwaitReaders(), last]
    intended = intend(CREATED, steps=steps, made=[])
    assert hashes(intended) == {content_hash(text) for text in (b"old", b"new", b"last")}
    assert hashes(settle(intended, steps=steps)) == {content_hash(b"last")}


def test_what_is_removed_leaves_the_record_only_afterwards() -> None:
    steps = [
        RemoveFolder(folder=FOLDER, names=("hosts.toml", "ca.crt", "never")),
        RemoveEmptyFolder(folder=ROOT),
    ]
    intended = intend(CREATED, steps=steps, made=[])
    assert intended == CREATED
    assert settle(intended, steps=steps) == Ledger()


def test_what_lingers_in_a_runtimes_memory_is_forgotten_when_it_was_reloaded() -> None:
    ledger = replace(CREATED, lingering={"a.b.svc": endpoint()})
    assert settle(ledger, steps=[REPLACE]).lingering == ledger.lingering
    assert settle(ledger, steps=[ReloadRuntime()]) == CREATED


def test_directories_are_remembered_outermost_first_and_once() -> None:
    ledger = intend(Ledger(), steps=[], made=[MADE, ROOT])
    assert intend(ledger, steps=[], made=[ROOT, ROOT, OTHER]).made == (MADE, ROOT, OTHER)


def test_what_was_found_can_be_adopted() -> None:
    ledger = adopt(CREATED, folder=OTHER, files={"ca.crt": b"x"})
    assert ledger.folders() == (FOLDER, OTHER)


def test_an_entry_of_a_directory_that_is_gone_is_dropped() -> None:
    """What comes there next is not ours."""
    assert confirm(CREATED, found={FOLDER: Missing()}) == Ledger(made=(ROOT,))


def test_of_two_contents_the_one_that_is_there_is_kept() -> None:
    intended = intend(CREATED, steps=[REPLACE], made=[])
    for content in (b"old", b"new"):
        there = FoundFolder(files={"ca.crt": content})
        assert hashes(confirm(intended, found={FOLDER: there})) == {content_hash(content)}


UNCONFIRMED = {
    "the directory was not looked at": {},
    "the file is gone": {FOLDER: FoundFolder(files={})},
    "the file is another's": {FOLDER: FoundFolder(files={"ca.crt": b"theirs"})},
    "no directory is there": {FOLDER: Blocked(reason=Reason.HOST_TAKEN, detail="a file")},
}


@pytest.mark.parametrize("sentence", UNCONFIRMED)
def test_an_entry_stays_as_it_is_when(sentence: str) -> None:
    assert confirm(CREATED, found=UNCONFIRMED[sentence]) == CREATED


names = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=8)
folders = st.builds(
    Folder, base=st.just(HostPath("/etc")), below=st.lists(names, max_size=3).map(tuple)
)
ledgers = st.builds(
    lambda entries, made, since, lingering: Ledger(
        entries={file_path(entry.folder, entry.name): entry for entry in entries},
        made=tuple(made),
        unwanted_since={HostPath(path): NOW - age for path, age in since.items()},
        lingering=lingering,
    ),
    st.lists(
        st.builds(
            Entry, folder=folders, name=names, hashes=st.frozensets(st.just("ab"), max_size=2)
        ),
        max_size=3,
    ),
    st.lists(folders, max_size=3),
    st.dictionaries(names, st.timedeltas(timedelta(), timedelta(days=9)), max_size=2),
    st.dictionaries(names, st.sampled_from([endpoint(), endpoint(NEW_IP, 443)]), max_size=2),
)


@given(ledgers)
def test_it_comes_back_from_json_as_it_went(ledger: Ledger) -> None:
    assert decode(encode(ledger, machine_id="a"), machine_id="a") == ledger


def test_the_record_of_another_machine_speaks_of_nothing_here() -> None:
    """An image made of a node, its state directory included."""
    assert decode(encode(CREATED, machine_id="a"), machine_id="b") == Ledger()


def test_the_record_of_another_schema_speaks_of_nothing() -> None:
    text = encode(CREATED, machine_id="a").replace('"schema": 1', '"schema": 2')
    assert decode(text, machine_id="a") == Ledger()


BROKEN = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "a text": '"ledger"',
    "no schema": "{}",
    "entries that are none": '{"schema": 1, "machine-id": "a", "entries": 5}',
    "an entry without a folder": json.dumps(
        {"schema": 1, "machine-id": "a", "entries": [{"sha256": []}], "made": []}
    ),
    "a time that is none": json.dumps(
        {"schema": 1, "machine-id": "a", "entries": [], "made": [], "unwanted-since": {"/": "x"}}
    ),
    "a time without a zone": json.dumps(
        {
            "schema": 1,
            "machine-id": "a",
            "entries": [],
            "made": [],
            "unwanted-since": {"/": "2026-11-23T12:00:00"},
        }
    ),
    "waits that are a list": json.dumps(
        {"schema": 1, "machine-id": "a", "entries": [], "made": [], "unwanted-since": []}
    ),
    "an endpoint that is none": json.dumps(
        {
            "schema": 1,
            "machine-id": "a",
            "entries": [],
            "made": [],
            "unwanted-since": {},
            "lingering": {"a.b.svc": "nowhere"},
        }
    ),
    "nesting without end": "[" * 100_000,
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_what_is_no_ledger_is_refused(sentence: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is the contract
        decode(BROKEN[sentence], machine_id="a")
