"""What `doctor` sees of the agent's own directory, and that it leaves no trace of looking."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.node.host_trees import tree
from tests.node.test_state_directory import LEDGER, directory
from tests.node.test_state_directory_locks import other_agent

LOOK = """
import sys
from pathlib import Path
from tests.node.test_state_directory import directory
view = directory(Path(sys.argv[1])).look()
print(view.exists, *(f"{problem.reason} {problem.where}" for problem in view.problems))
"""
STATE = "var/lib/registry-node-agent"


def look_mounted(host_root: Path, mounts: str) -> str:
    """What is seen in a mount namespace of its own: whether it exists, and what was refused."""
    command = ["unshare", "--mount", "sh", "-ec", f'{mounts}\nexec "$2" -c "$3" "$1"', "sh"]
    done = subprocess.run(  # noqa: S603 - a script of our own
        [*command, str(host_root), sys.executable, LOOK],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_a_directory_that_is_still_to_be_made_is_not_made_by_looking(tmp_path: Path) -> None:
    view = directory(tmp_path).look()
    assert (view.exists, view.run, view.problems) == (False, "", ())
    assert list(tmp_path.iterdir()) == []


def test_one_that_can_be_written_is_as_it_was(tmp_path: Path) -> None:
    state = directory(tmp_path)
    state.save_ledger(LEDGER)
    before, times = tree(tmp_path), (tmp_path / STATE).stat().st_mtime_ns
    view = state.look()
    assert (view.path, view.exists, view.problems) == (f"/{STATE}", True, ())
    assert (tree(tmp_path), (tmp_path / STATE).stat().st_mtime_ns) == (before, times)


def test_a_live_run_is_told_with_its_pid(tmp_path: Path) -> None:
    with other_agent(tmp_path, "hold_alive") as other:
        assert directory(tmp_path).look().run == str(other.pid)
    assert directory(tmp_path).look().run == ""


@pytest.mark.parametrize("limit", ["size=4k", "nr_inodes=2"])
def test_a_full_disk_is_told(tmp_path: Path, limit: str) -> None:
    (tmp_path / STATE).mkdir(parents=True)
    full = f'mount -t tmpfs -o {limit} tmpfs "$1/{STATE}" && echo > "$1/{STATE}/view.json"'
    assert look_mounted(tmp_path, full) == f"True disk-full /{STATE}"


def test_a_disk_without_room_for_as_much_again_is_told(tmp_path: Path) -> None:
    (tmp_path / STATE).mkdir(parents=True)
    fill = f'head -c 40000 /dev/zero > "$1/{STATE}/ledger.json"'
    tight = f'mount -t tmpfs -o size=64k tmpfs "$1/{STATE}" && {fill}'
    assert look_mounted(tmp_path, tight) == f"True disk-full /{STATE}"


@pytest.mark.parametrize(("place", "exists"), [(STATE, True), ("var/lib", False)])
def test_a_read_only_file_system_is_told(tmp_path: Path, place: str, exists: bool) -> None:
    (tmp_path / place).mkdir(parents=True)
    bind = f'mount --bind "$1/{place}" "$1/{place}" && mount -o remount,bind,ro "$1/{place}"'
    assert look_mounted(tmp_path, bind) == f"{exists} read-only-file-system /{STATE}"


def test_a_link_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "var/lib").mkdir(parents=True)
    (tmp_path / STATE).symlink_to("/elsewhere")
    [problem] = directory(tmp_path).look().problems
    assert problem.reason == "symlink-refused"
