"""The steps that change a node's directories, when nothing goes wrong, and what they leave."""

import os
from pathlib import Path
from stat import S_IMODE

import pytest

from agent.errors import NodeTrouble, Reason
from agent.node.host_files import HostFiles
from agent.planning.model import (
    CA_FILE,
    HOSTS_FILE,
    FoundFolder,
)
from agent.planning.steps import RemoveEmptyFolder, RemoveFolder, ReplaceFile
from tests.node.host_trees import (
    CREATE,
    FOLDER,
    HOST,
    NEW,
    OLD,
    REMOVE,
    REPLACE,
    ROOT,
    plant,
    seen,
    tree,
)


@pytest.fixture
def files(tmp_path: Path) -> HostFiles:
    return HostFiles(tmp_path)


# Creating


def test_a_created_directory_is_there_with_its_files(files: HostFiles, tmp_path: Path) -> None:
    files.create_folder(CREATE)
    assert files.read(FOLDER) == FoundFolder(files=NEW)
    assert set(seen(tmp_path, ROOT).iterdir()) == {seen(tmp_path, FOLDER)}


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_umask_has_no_say_in_what_the_runtime_may_read(
    files: HostFiles, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        files.create_folder(CREATE)
        files.replace_file(REPLACE)
    finally:
        os.umask(before)
    folder = seen(tmp_path, FOLDER)
    made = [folder / HOSTS_FILE, folder / CA_FILE, folder, folder.parent, folder.parent.parent]
    modes = [S_IMODE(path.stat().st_mode) for path in made]
    assert modes == [0o644, 0o644, 0o755, 0o755, 0o755]


@pytest.mark.parametrize("theirs", [{}, {"hosts.toml": b"theirs"}])
def test_a_directory_that_is_there_is_never_replaced(
    files: HostFiles, tmp_path: Path, theirs: dict[str, bytes]
) -> None:
    """Not even an empty one, which rename(2) would replace."""
    plant(seen(tmp_path, FOLDER), theirs)
    before = tree(tmp_path)
    with pytest.raises(NodeTrouble) as caught:
        files.create_folder(CREATE)
    assert caught.value.problem.reason is Reason.HOST_TAKEN
    assert tree(tmp_path) == before


def test_a_directory_that_appears_while_ours_is_built_is_never_replaced(
    files: HostFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = seen(tmp_path, FOLDER)

    def appear_after(fd: int, mode: int) -> None:
        place.mkdir(exist_ok=True)
        chmod(fd, mode)

    seen(tmp_path, ROOT).mkdir(parents=True)
    chmod = os.fchmod
    monkeypatch.setattr(os, "fchmod", appear_after)
    with pytest.raises(NodeTrouble) as caught:
        files.create_folder(CREATE)
    assert caught.value.problem.reason is Reason.HOST_TAKEN
    assert tree(place.parent) == {HOST: None}


def test_a_hostname_as_long_as_a_file_name_may_be_is_created_and_removed(
    files: HostFiles, tmp_path: Path
) -> None:
    folder = ROOT.child("a" * 255)
    files.create_folder(type(CREATE)(folder=folder, files=CREATE.files))
    assert files.read(folder) == FoundFolder(files=NEW)
    files.remove_folder(RemoveFolder(folder=folder, names=REMOVE.names))
    assert tree(seen(tmp_path, ROOT)) == {}


# Replacing


def test_a_replaced_file_has_the_new_bytes_and_the_other_keeps_its_own(
    files: HostFiles, tmp_path: Path
) -> None:
    plant(seen(tmp_path, FOLDER), OLD)
    files.replace_file(REPLACE)
    assert files.read(FOLDER) == FoundFolder(files={**OLD, CA_FILE: NEW[CA_FILE]})


def test_a_missing_file_is_added(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, FOLDER), {})
    files.replace_file(REPLACE)
    assert tree(seen(tmp_path, FOLDER)) == {CA_FILE: NEW[CA_FILE]}


def test_what_holds_the_old_file_open_reads_the_old_bytes_to_their_end(
    files: HostFiles, tmp_path: Path
) -> None:
    with (plant(seen(tmp_path, FOLDER), OLD) / CA_FILE).open("rb") as reader:
        files.replace_file(REPLACE)
        assert reader.read() == OLD[CA_FILE]


def test_a_file_is_not_written_where_its_directory_is_missing(files: HostFiles) -> None:
    with pytest.raises(NodeTrouble) as caught:
        files.replace_file(REPLACE)
    assert caught.value.problem.reason is Reason.IO_ERROR


# Removing


def test_a_removed_directory_leaves_nothing(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, FOLDER), {**OLD, ".registry-node-agent.ca.crt.new": b"half"})
    files.remove_folder(REMOVE)
    assert tree(seen(tmp_path, ROOT)) == {}


def test_removing_what_is_gone_is_fine(files: HostFiles, tmp_path: Path) -> None:
    files.remove_folder(REMOVE)
    files.remove_empty_folder(RemoveEmptyFolder(folder=ROOT))
    plant(seen(tmp_path, FOLDER), {CA_FILE: b"old ca\n"})
    files.remove_folder(REMOVE)
    files.remove_folder(REMOVE)
    assert tree(seen(tmp_path, ROOT)) == {}


def test_a_strangers_file_keeps_its_directory(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, FOLDER), {**OLD, "client.key": b"theirs"})
    files.remove_folder(REMOVE)
    assert tree(seen(tmp_path, ROOT)) == {HOST: None, f"{HOST}/client.key": b"theirs"}


def test_only_the_named_files_are_removed(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, FOLDER), OLD)
    files.remove_folder(RemoveFolder(folder=FOLDER, names=(HOSTS_FILE,)))
    assert files.read(FOLDER) == FoundFolder(files={CA_FILE: OLD[CA_FILE]})


def test_a_file_put_in_while_the_directory_is_renamed_out_comes_back_to_its_place(
    files: HostFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = plant(seen(tmp_path, FOLDER), OLD)
    rmdir = os.rmdir

    def late(name: str, *, dir_fd: int) -> None:
        (folder.with_name(name) / "client.key").write_bytes(b"theirs")
        rmdir(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", late)
    files.remove_folder(REMOVE)
    assert tree(seen(tmp_path, ROOT)) == {HOST: None, f"{HOST}/client.key": b"theirs"}


@pytest.mark.parametrize("content", [{"theirs": b"x"}, None])
def test_an_empty_directory_is_removed_only_if_it_is_one_and_empty(
    files: HostFiles, tmp_path: Path, content: dict[str, bytes] | None
) -> None:
    if content is None:
        plant(seen(tmp_path, FOLDER.parent), {HOST: b"a file"})
    else:
        plant(seen(tmp_path, FOLDER), content)
    before = tree(tmp_path)
    files.remove_empty_folder(RemoveEmptyFolder(folder=FOLDER))
    assert tree(tmp_path) == before


# Leftovers


def test_a_sweep_clears_what_was_left_half_made_and_nothing_else(
    files: HostFiles, tmp_path: Path
) -> None:
    root = seen(tmp_path, ROOT)
    plant(root / f".registry-node-agent.new.{HOST}", {"ca.crt": b"half"})
    plant(root / f".registry-node-agent.old.{HOST}", OLD)
    plant(root / ".registry-node-agent.old.taken", {"ca.crt": b"old ca\n", "theirs": b"x"})
    (root / ".registry-node-agent.old.taken/hosts.toml").mkdir()
    plant(root / HOST, {**OLD, ".registry-node-agent.hosts.toml.new": b"half"})
    plant(root / "docker.io", {**OLD, "hosts.toml.new": b"theirs"})
    plant(root, {"hosts.toml": b"theirs"})
    kept = [HOST, "docker.io", "hosts.toml"]
    expected = {
        path: content
        for path, content in tree(root).items()
        if path.split("/")[0] in kept and not path.endswith(".registry-node-agent.hosts.toml.new")
    }
    files.sweep(ROOT)
    files.sweep(ROOT)
    taken = {
        ".registry-node-agent.old.taken": None,
        ".registry-node-agent.old.taken/hosts.toml": None,
        ".registry-node-agent.old.taken/theirs": b"x",
    }
    assert tree(root) == {**expected, **taken}


def test_a_sweep_of_a_missing_root_is_fine(files: HostFiles) -> None:
    files.sweep(ROOT)


def test_a_half_made_file_is_neither_ours_nor_a_strangers(files: HostFiles, tmp_path: Path) -> None:
    plant(seen(tmp_path, FOLDER), {".registry-node-agent.hosts.toml.new": b"half"})
    assert files.read(FOLDER) == FoundFolder(files={})


def test_no_descriptor_stays_open(files: HostFiles, tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    files.create_folder(CREATE)
    files.replace_file(REPLACE)
    files.read(FOLDER)
    (seen(tmp_path, ROOT) / "link").symlink_to("/")
    with pytest.raises(NodeTrouble):
        files.replace_file(ReplaceFile(folder=ROOT.child("link"), name=CA_FILE, content=b""))
    with pytest.raises(NodeTrouble):
        files.create_folder(CREATE)
    files.remove_folder(REMOVE)
    assert descriptors() == before
