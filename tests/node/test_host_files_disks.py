"""What disks and mounts do to a step: full, read-only, deleted behind a mount."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Reason
from agent.node.durable import half_made
from agent.node.host_files import HostFiles
from agent.node.node_trouble import REASONS, node_trouble
from agent.planning.model import Folder, HostPath
from tests.node.host_trees import FOLDER, NEW, OLD, ROOT, plant, seen, tree

SCRIPT = """
import sys
from pathlib import Path
from agent.errors import NodeTrouble
from agent.node.durable import half_made
from agent.node.host_files import HostFiles
from tests.node.host_trees import CREATE, FOLDER, REMOVE, REPLACE, ROOT
files = HostFiles(Path(sys.argv[1]))
try:
    {deed}
except NodeTrouble as trouble:
    print(trouble.problem.reason, trouble.problem.where)
print(*sorted(str(path) for path in Path(sys.argv[1], "etc/containerd").rglob("*")), sep="\\n")
"""


def run_mounted(host_root: Path, mounts: str, deed: str) -> list[str]:
    """A deed in a mount namespace of its own: what was refused, then the names that are there."""
    command = ["unshare", "--mount", "sh", "-ec", f'{mounts}\nexec "$2" -c "$3" "$1"', "sh"]
    script = SCRIPT.format(deed=deed)
    run = subprocess.run(  # noqa: S603 - a script of our own
        [*command, str(host_root), sys.executable, script],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return run.stdout.splitlines()


@pytest.mark.parametrize("limit", ["size=8k", "nr_inodes=3"])
def test_a_full_disk_is_named_and_leaves_nothing_half_made(tmp_path: Path, limit: str) -> None:
    """Full of bytes, or full of files."""
    plant(seen(tmp_path, ROOT), {})
    mount = f'mount -t tmpfs -o {limit} tmpfs "$1/etc/containerd/certs.d"'
    lines = run_mounted(tmp_path, mount, "files.create_folder(CREATE)")
    assert lines == [f"disk-full {FOLDER.path}", str(seen(tmp_path, ROOT))]


def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    plant(seen(tmp_path, ROOT), {})
    mount = f"""
        mount -t tmpfs -o size=8k tmpfs "$1/etc/containerd/certs.d"
        mkdir "$1{FOLDER.path}"; echo old > "$1{FOLDER.path}/ca.crt"
    """
    lines = run_mounted(tmp_path, mount, "files.replace_file(REPLACE); print(1)")
    folder = seen(tmp_path, FOLDER)
    assert lines[0] == f"disk-full {FOLDER.path}"
    assert lines[1:] == [str(folder.parent), str(folder), str(folder / "ca.crt")]


@pytest.mark.parametrize(
    "deed",
    ["files.create_folder(CREATE)", "files.replace_file(REPLACE)", "files.remove_folder(REMOVE)"],
)
def test_a_read_only_file_system_is_named(tmp_path: Path, deed: str) -> None:
    root = plant(seen(tmp_path, ROOT), {})
    if "CREATE" not in deed:
        plant(seen(tmp_path, FOLDER), OLD)
    before = tree(root)
    bind = 'mount --bind "$1/etc" "$1/etc" && mount -o remount,bind,ro "$1/etc"'
    assert run_mounted(tmp_path, bind, deed)[0] == f"read-only-file-system {FOLDER.path}"
    assert tree(root) == before


def test_a_read_only_file_system_can_be_read_and_swept(tmp_path: Path) -> None:
    plant(seen(tmp_path, FOLDER), OLD)
    bind = 'mount --bind "$1/etc" "$1/etc" && mount -o remount,bind,ro "$1/etc"'
    deed = "files.sweep(ROOT); files.check_linked(ROOT); print(*files.names(ROOT))"
    assert run_mounted(tmp_path, bind, deed)[0] == FOLDER.name


def test_a_directory_that_cannot_be_cleared_keeps_no_other_from_it(tmp_path: Path) -> None:
    other = seen(tmp_path, ROOT) / "zeta.registry.svc:5000"
    theirs = seen(tmp_path, ROOT) / "docker.io"
    for folder in (seen(tmp_path, FOLDER), other, theirs):
        plant(folder, {**OLD, half_made("ca.crt"): b"half"})
    bind = f'mount --bind "$1{FOLDER.path}" "$1{FOLDER.path}"'
    remount = f'mount -o remount,bind,ro "$1{FOLDER.path}"'
    deed = "print(*(f'{p.reason} {p.where}' for p in files.sweep(ROOT).values()))"
    told = run_mounted(tmp_path, f"{bind} && {remount}", deed)[0]
    assert told == f"read-only-file-system {FOLDER.path}"
    assert tree(other) == OLD
    assert half_made("ca.crt") in tree(theirs)


def test_root_without_a_single_capability_is_enough(tmp_path: Path) -> None:
    """As in the DaemonSet. What only another user may open is left alone."""
    theirs = plant(seen(tmp_path, ROOT) / "docker.io", OLD)
    theirs.chmod(0o700)
    os.chown(theirs, 1000, 1000)
    drop = 'exec setpriv --inh-caps=-all --bounding-set=-all "$2" -c "$3" "$1"'
    steps = ["create_folder(CREATE)", "replace_file(REPLACE)", "remove_folder(REMOVE)"]
    deeds = ["sweep(ROOT)", *steps, "names(ROOT.child('docker.io'))"]
    deed = "; ".join(f"files.{deed}" for deed in deeds)
    lines = run_mounted(tmp_path, drop, deed)
    assert lines[0] == f"permission-denied {ROOT.path}/docker.io"
    assert tree(theirs) == OLD
    assert not seen(tmp_path, FOLDER).exists()


def test_a_root_that_was_deleted_behind_its_mount_is_unlinked(tmp_path: Path) -> None:
    """As when somebody deletes and makes /etc/containerd anew under a running DaemonSet."""
    plant(seen(tmp_path, Folder(base=HostPath("/etc/containerd"))), {})
    mount = """
        mkdir "$1/behind"
        mount --bind "$1/behind" "$1/etc/containerd"
        rmdir "$1/behind"
    """
    lines = run_mounted(tmp_path, mount, "files.check_linked(ROOT)")
    assert lines[0] == "unlinked /etc/containerd"


def test_a_directory_that_is_there_or_is_not_made_yet_is_linked(tmp_path: Path) -> None:
    files = HostFiles(tmp_path)
    files.check_linked(ROOT)
    plant(seen(tmp_path, ROOT), NEW)
    files.check_linked(ROOT)


@pytest.mark.parametrize(("code", "reason"), [*REASONS.items(), (5, Reason.IO_ERROR)])
def test_every_refusal_has_its_reason(code: int, reason: Reason) -> None:
    with pytest.raises(NodeTrouble) as caught, node_trouble(where=ROOT.path, doing="trying"):
        raise OSError(code, os.strerror(code))
    problem = caught.value.problem
    assert (problem.reason, problem.where) == (reason, ROOT.path)
    assert problem.detail == f"{os.strerror(code)} while trying"
