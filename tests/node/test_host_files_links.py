"""Links: above the base the node's own are followed as it would; below it none is."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.errors import NodeTrouble, Reason
from agent.node.host_files import HostFiles
from agent.node.host_root import HostRoot
from agent.planning.model import Blocked, Folder, FoundFolder, HostPath
from agent.planning.steps import CreateFolder, RemoveEmptyFolder, RemoveFolder, ReplaceFile
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
from tests.node.openat2 import directory_in_root

MICROK8S = Folder(base=HostPath("/var/snap/microk8s/current/args"), below=("certs.d",))

WRITES: dict[str, Callable[[HostFiles], None]] = {
    "create": lambda files: files.create_folder(CREATE),
    "replace": lambda files: files.replace_file(REPLACE),
    "remove": lambda files: files.remove_folder(REMOVE),
    "remove the root": lambda files: files.remove_empty_folder(RemoveEmptyFolder(folder=FOLDER)),
}


@pytest.mark.parametrize("target", ["7234", "/var/snap/microk8s/7234", "../../snap/microk8s/7234"])
def test_a_link_in_the_base_is_followed_inside_the_host_root(tmp_path: Path, target: str) -> None:
    """MicroK8s: current -> 7234, also when the link is absolute."""
    revision = plant(tmp_path / "var/snap/microk8s/7234/args", {}).parent
    (revision.parent / "current").symlink_to(target)
    files = HostFiles(tmp_path)
    files.create_folder(CreateFolder(folder=MICROK8S.child(HOST), files=CREATE.files))
    assert tree(revision / "args/certs.d").keys() == {HOST, f"{HOST}/ca.crt", f"{HOST}/hosts.toml"}
    assert files.read(MICROK8S.child(HOST)) == FoundFolder(files=NEW)


def test_an_absolute_link_never_leads_to_the_machine_that_runs_the_agent(tmp_path: Path) -> None:
    machine = plant(tmp_path / "machine", {"precious": b"theirs"})
    host = plant(tmp_path / "host/etc", {}).parent
    (host / "etc/containerd").symlink_to(machine)
    with pytest.raises(NodeTrouble) as caught:
        HostFiles(host).create_folder(CREATE)
    assert caught.value.problem.reason is Reason.SYMLINK_REFUSED
    assert tree(machine) == {"precious": b"theirs"}


def test_dots_never_lead_out_of_the_host_root(tmp_path: Path) -> None:
    plant(tmp_path / "outside", OLD)
    host = plant(tmp_path / "host/outside", NEW).parent
    folder = Folder(base=HostPath("/../../outside"))
    assert HostFiles(host).read(folder) == FoundFolder(files=NEW)


def test_links_that_go_round_are_refused(tmp_path: Path) -> None:
    plant(tmp_path / "etc", {})
    (tmp_path / "etc/containerd").symlink_to("containerd")
    found = HostFiles(tmp_path).read(FOLDER)
    assert isinstance(found, Blocked)
    assert found.reason is Reason.SYMLINK_REFUSED


@pytest.mark.parametrize("name", WRITES)
def test_nothing_is_made_behind_a_link_that_leads_nowhere(tmp_path: Path, name: str) -> None:
    """While a snap is refreshed, `current` may lead nowhere: its revision is not ours to make."""
    plant(tmp_path / "etc", {})
    (tmp_path / "etc/containerd").symlink_to("/opt/containerd")
    before = tree(tmp_path)
    with pytest.raises(NodeTrouble) as caught:
        WRITES[name](HostFiles(tmp_path))
    assert caught.value.problem.reason is Reason.SYMLINK_REFUSED
    assert isinstance(HostFiles(tmp_path).read(FOLDER), Blocked)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("folder", [FOLDER, ROOT], ids=["host", "root"])
@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_below_the_base_is_refused_and_its_target_stays_untouched(
    tmp_path: Path, folder: Folder, name: str, *, absolute: bool
) -> None:
    target = plant(tmp_path / "etc/target", OLD)
    plant(target / HOST, OLD)
    link = seen(tmp_path, folder)
    link.parent.mkdir(parents=True)
    link.symlink_to("/etc/target" if absolute else os.path.relpath(target, link.parent))
    before = tree(tmp_path)
    files = HostFiles(tmp_path)
    if name == "remove the root" and folder == FOLDER:
        WRITES[name](files)
    else:
        with pytest.raises(NodeTrouble) as caught:
            WRITES[name](files)
        assert caught.value.problem.reason is Reason.SYMLINK_REFUSED
    found = files.read(FOLDER)
    assert isinstance(found, Blocked)
    assert found.reason is Reason.SYMLINK_REFUSED
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["ca.crt", ".registry-node-agent.ca.crt.new"])
def test_a_link_in_the_directory_itself_is_never_written_through(tmp_path: Path, name: str) -> None:
    target = plant(tmp_path / "etc/target", OLD) / "hosts.toml"
    (plant(seen(tmp_path, FOLDER), {}) / name).symlink_to(target)
    with suppress(NodeTrouble):
        HostFiles(tmp_path).replace_file(REPLACE)
    assert target.read_bytes() == OLD["hosts.toml"]
    HostFiles(tmp_path).remove_folder(REMOVE)
    assert tree(target.parent) == OLD


def test_a_link_under_the_name_of_something_half_made_is_not_followed(tmp_path: Path) -> None:
    target = plant(tmp_path / "etc/target", OLD)
    root = plant(seen(tmp_path, ROOT), {})
    for kind in ("new", "old"):
        (root / f".registry-node-agent.{kind}.{HOST}").symlink_to(target)
    files = HostFiles(tmp_path)
    files.sweep(ROOT)
    with suppress(NodeTrouble):
        files.create_folder(CREATE)
    with suppress(NodeTrouble):
        files.remove_folder(RemoveFolder(folder=FOLDER, names=REMOVE.names))
    with suppress(NodeTrouble):
        files.replace_file(ReplaceFile(folder=FOLDER, name="ca.crt", content=b""))
    assert tree(target) == OLD


def test_a_directory_that_becomes_a_link_between_look_and_write_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = plant(tmp_path / "etc/target", OLD)
    folder = plant(seen(tmp_path, FOLDER), OLD)
    look = os.fstat

    def swap_after(fd: int) -> os.stat_result:
        info = look(fd)
        if not folder.is_symlink() and os.path.samestat(info, folder.stat()):
            folder.rename(tmp_path / "moved")
            folder.symlink_to(target)
        return info

    monkeypatch.setattr(os, "fstat", swap_after)
    HostFiles(tmp_path).replace_file(REPLACE)
    assert folder.is_symlink()
    assert tree(target) == OLD


# The kernel agrees

names = st.sampled_from(["a", "b", "c"])
paths = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=5)
targets = st.builds(
    lambda absolute, parts: absolute + "/".join(parts), st.sampled_from(["", "/"]), paths
)
trees = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map("/".join), st.none() | targets, max_size=7
)


@settings(max_examples=200, deadline=None)
@given(entries=trees, parts=paths)
@example(entries={"a": "/b", "b/c": None}, parts=["a", "c"])
@example(entries={"a/b": "..", "c": None}, parts=["a", "b", "c"])
@example(entries={"a": "a"}, parts=["a"])
def test_a_base_leads_where_the_kernel_would_go(
    entries: dict[str, str | None], parts: list[str]
) -> None:
    """Against openat2 with RESOLVE_IN_ROOT, over random trees of directories and links."""
    with TemporaryDirectory() as name:
        root = Path(name)
        for path, target in sorted(entries.items()):
            with suppress(OSError):
                _make_entry(root, path, target)
        path = "/" + "/".join(parts)
        assert _found(root, path) == directory_in_root(root, path)


def _make_entry(root: Path, path: str, target: str | None) -> None:
    parent = root
    for part in path.split("/")[:-1]:
        parent /= part
        if parent.is_symlink():
            return
        parent.mkdir(exist_ok=True)
    if target is None:
        (root / path).mkdir()
    else:
        (root / path).symlink_to(target)


def _found(root: Path, path: str) -> tuple[int, int] | int:
    try:
        with HostRoot(root).find(Folder(base=HostPath(path))) as place:
            info = os.fstat(place.fd)
            return errno.ENOENT if place.missing else (info.st_dev, info.st_ino)
    except OSError as error:
        # A link that leads nowhere, and dots behind what is missing, have words of their own.
        leads_nowhere = error.strerror == "A link leads nowhere" or error.errno == errno.EINVAL
        return errno.ENOENT if leads_nowhere else error.errno or 0
