"""Every change wakes the loop, also in a directory that was replaced; else it is still."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cluster import directory_watch
from agent.cluster.directory_watch import DirectoryWatch

SOON, QUIET = 5.0, 0.25


class Watching:
    """A watch that runs in a thread, and what it said."""

    def __init__(self, *directories: Path) -> None:
        self.wake = threading.Event()
        self.stop = threading.Event()
        self.said: list[str] = []
        watch = DirectoryWatch(
            directories=directories, wake=self.wake, stop=self.stop, say=self.said.append
        )
        self.thread = threading.Thread(target=watch.run)

    def woke(self) -> bool:
        found = self.wake.wait(SOON)
        self.settle()
        return found

    def settle(self) -> None:
        while self.wake.wait(QUIET):
            self.wake.clear()


@contextmanager
def watching(*directories: Path) -> Iterator[Watching]:
    watch = Watching(*directories)
    watch.thread.start()
    try:
        watch.settle()
        yield watch
    finally:
        watch.stop.set()
        watch.thread.join(SOON)
        assert not watch.thread.is_alive()


def write(directory: Path) -> None:
    (directory / "a.yaml").write_text("new")


def move_in(directory: Path) -> None:
    (directory.parent / "other.yaml").write_text("moved")
    (directory.parent / "other.yaml").rename(directory / "other.yaml")


def move_out(directory: Path) -> None:
    (directory / "a.yaml").rename(directory.parent / "gone.yaml")


def delete(directory: Path) -> None:
    (directory / "a.yaml").unlink()


def link(directory: Path) -> None:
    (directory / "link.yaml").symlink_to(directory.parent / "elsewhere")


def hard_link(directory: Path) -> None:
    (directory / "hard.yaml").hardlink_to(directory / "a.yaml")


def swap_mounted(directory: Path) -> None:
    (directory / "..data_tmp").symlink_to("..2026")
    (directory / "..data_tmp").rename(directory / "..data")


CHANGES = [write, move_in, move_out, delete, link, hard_link, swap_mounted]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "manifests"
    path.mkdir()
    (path / "a.yaml").write_text("old")
    return path


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_wakes(directory: Path, change: Callable[[Path], None]) -> None:
    with watching(directory) as watch:
        change(directory)
        assert watch.woke()


def test_it_wakes_at_once_when_it_begins(directory: Path) -> None:
    watch = Watching(directory)
    watch.thread.start()
    assert watch.wake.wait(SOON)
    watch.stop.set()
    watch.thread.join(SOON)


def test_a_file_wakes_when_it_is_written_and_not_when_it_is_begun(directory: Path) -> None:
    with watching(directory) as watch, (directory / "b.yaml").open("w") as file:
        assert not watch.wake.wait(QUIET)
        file.write("whole")
        file.close()
        assert watch.woke()


def test_hidden_files_and_reading_do_not_wake(directory: Path) -> None:
    with watching(directory) as watch:
        (directory / ".a.yaml.swp").write_text("x")
        (directory / "a.yaml").read_text()
        (directory / "below").mkdir()
        assert not watch.wake.wait(QUIET)


def test_it_follows_a_directory_that_is_replaced(directory: Path) -> None:
    with watching(directory) as watch:
        directory.rename(directory.with_name("old"))
        directory.mkdir()
        assert watch.woke()
        write(directory)
        assert watch.woke()


def test_it_follows_a_directory_that_is_deleted_and_made_again(directory: Path) -> None:
    with watching(directory) as watch:
        (directory / "a.yaml").unlink()
        directory.rmdir()
        assert watch.woke()
        directory.mkdir()
        assert watch.woke()
        write(directory)
        assert watch.woke()


def test_it_follows_a_directory_made_again_under_the_same_inode(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_watch, "_identity", lambda _: (1, 2))
    with watching(directory) as watch:
        (directory / "a.yaml").unlink()
        directory.rmdir()
        directory.mkdir()  # before the next tick
        assert watch.woke()
        write(directory)
        assert watch.woke()


def test_it_follows_a_link_to_another_directory(directory: Path) -> None:
    other = directory.with_name("other")
    other.mkdir()
    current = directory.with_name("current")
    current.symlink_to(directory)
    with watching(current) as watch:
        current.with_name("new").symlink_to(other)
        current.with_name("new").rename(current)
        assert watch.woke()
        write(other)
        assert watch.woke()


@pytest.mark.parametrize("file_first", [True, False])
def test_it_waits_for_a_directory_that_is_not_there(tmp_path: Path, file_first: bool) -> None:
    late = tmp_path / "late"
    if file_first:
        late.write_text("a file")
    with watching(late) as watch:
        late.unlink(missing_ok=True)
        late.mkdir()
        assert watch.woke()
        write(late)
        assert watch.woke()


def test_several_directories_are_followed(directory: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with watching(directory, other) as watch:
        write(other)
        assert watch.woke()
        write(directory)
        assert watch.woke()


def test_it_does_nothing_while_nothing_happens(directory: Path) -> None:
    with watching(directory) as watch:
        before = os.times()
        assert not watch.wake.wait(2)
        after = os.times()

    assert after.user + after.system - before.user - before.system < 0.1


class NoInstances:
    """What `INotify()` does when fs.inotify.max_user_instances is used up."""

    def __init__(self) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.parametrize("change", CHANGES)
def test_without_inotify_it_compares_and_says_so(
    directory: Path, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_watch, "INotify", NoInstances)
    monkeypatch.setattr(directory_watch, "POLL_SECONDS", 0.05)
    if change in (link, swap_mounted):  # here what counts is where they lead
        (directory.parent / "elsewhere").write_text("x")
        (directory / "..2025").mkdir()
        (directory / "..2025" / "m.yaml").write_text("x")
        (directory / "..2026").mkdir()
        (directory / "..2026" / "m.yaml").write_text("y")
        (directory / "..data").symlink_to("..2025")
        (directory / "m.yaml").symlink_to("..data/m.yaml")
    with watching(directory) as watch:
        change(directory)
        assert watch.woke()
        assert watch.said == [
            "inotify is not to be had (Too many open files): looking every 0.05 s instead"
        ]


def test_without_inotify_it_waits_for_a_directory_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_watch, "INotify", NoInstances)
    monkeypatch.setattr(directory_watch, "POLL_SECONDS", 0.05)
    with watching(tmp_path / "late") as watch:
        (tmp_path / "late").mkdir()
        assert watch.woke()
