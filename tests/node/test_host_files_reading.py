"""Reading a node's directories: what is ours, what is somebody else's, what is missing."""

import os
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Reason
from agent.node.host_files import MAX_FILE_BYTES, HostFiles
from agent.planning.model import (
    CA_FILE,
    HOSTS_FILE,
    Blocked,
    Folder,
    FoundFolder,
    HostPath,
    Missing,
)
from agent.planning.steps import RemoveEmptyFolder, ReplaceFile
from tests.node.host_trees import (
    BASE,
    CREATE,
    FOLDER,
    HOST,
    OLD,
    REMOVE,
    ROOT,
    plant,
    seen,
    tree,
)


@pytest.fixture
def files(tmp_path: Path) -> HostFiles:
    return HostFiles(tmp_path)


# Reading


def test_nothing_there_is_missing(files: HostFiles) -> None:
    assert files.read(FOLDER) == Missing()
    assert files.names(ROOT) == ()


def test_an_empty_directory_is_found_with_no_files(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, FOLDER), {})
    assert files.read(FOLDER) == FoundFolder(files={})


def test_our_files_are_read_and_others_are_named(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, FOLDER), {**OLD, "client.key": b"theirs"})
    assert files.read(FOLDER) == FoundFolder(files=OLD, others=("client.key",))


@pytest.mark.parametrize("make", ["fifo", "link", "directory", "oversized"])
def test_what_is_no_plain_file_is_somebody_elses(
    files: HostFiles, tmp_path: Path, make: str
) -> None:
    """A fifo would hang a reader; the others would be followed, or fill the memory."""
    path = plant(seen(tmp_path, FOLDER), {}) / HOSTS_FILE
    match make:
        case "fifo":
            os.mkfifo(path)
        case "link":
            path.symlink_to("/etc/hostname")
        case "directory":
            path.mkdir()
        case _:
            path.touch()
            os.truncate(path, MAX_FILE_BYTES + 1)
    links = (HOSTS_FILE,) if make == "link" else ()
    assert files.read(FOLDER) == FoundFolder(files={}, others=(HOSTS_FILE,), links=links)
    with pytest.raises(NodeTrouble):
        files.replace_file(ReplaceFile(folder=FOLDER, name=HOSTS_FILE, content=b"ours"))
    before = tree(tmp_path)
    files.remove_folder(REMOVE)
    assert tree(tmp_path) == before


def test_a_file_of_a_whole_mebibyte_is_still_read(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, FOLDER), {CA_FILE: b"x" * MAX_FILE_BYTES})
    found = files.read(FOLDER)
    assert isinstance(found, FoundFolder)
    assert len(found.files[CA_FILE]) == MAX_FILE_BYTES


def test_a_file_in_the_place_of_the_directory_blocks_it(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, ROOT), {HOST: b"a file"})
    found = files.read(FOLDER)
    assert isinstance(found, Blocked)
    assert found.reason is Reason.HOST_TAKEN


def test_names_are_sorted_and_leave_out_what_is_half_made(files: HostFiles, tmp_path: Path) -> None:
    root = plant(seen(tmp_path, ROOT), {})
    for name in (
        "docker.io",
        "_default",
        ".registry-node-agent.new.x",
        ".registry-node-agent.old.x",
    ):
        (root / name).mkdir()
    assert files.names(ROOT) == ("_default", "docker.io")


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\0b"])
def test_a_name_that_is_no_name_is_refused(files: HostFiles, name: str) -> None:
    """The ledger is a file: what comes out of it must not lead out of the base."""
    assert isinstance(files.read(ROOT.child(name)), Blocked)
    with pytest.raises(NodeTrouble):
        files.names(ROOT.child(name))


# What is missing


def test_missing_names_every_directory_to_be_made_outermost_first(
    files: HostFiles, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    assert files.missing(FOLDER.parent) == (
        Folder(base=HostPath("/etc"), below=("containerd",)),
        ROOT,
    )
    assert files.missing(FOLDER)[-1] == FOLDER


def test_missing_names_nothing_when_all_is_there(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, ROOT), {})
    assert files.missing(ROOT) == ()
    assert files.missing(Folder(base=BASE)) == ()


def test_on_a_bare_root_every_part_of_the_path_is_missing(files: HostFiles) -> None:
    paths = [folder.path for folder in files.missing(ROOT)]
    assert paths == ["/etc", "/etc/containerd", "/etc/containerd/certs.d"]


def test_what_was_missing_can_be_removed_again(files: HostFiles, tmp_path: Path) -> None:
    made = files.missing(ROOT)
    files.create_folder(CREATE)
    files.remove_folder(REMOVE)
    for folder in reversed(made):
        files.remove_empty_folder(RemoveEmptyFolder(folder=folder))
    assert tree(tmp_path) == {}
