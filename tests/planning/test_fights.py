"""A directory that somebody undoes each time is repaired a few times an hour, then left alone."""

from agent.errors import Reason
from agent.planning.fights import MAX_REPAIRS, WINDOW_SECONDS, Fights, fought_over
from agent.planning.model import CA_FILE, HOSTS_FILE, OUR_FILES
from agent.planning.steps import (
    AwaitReaders,
    CreateFolder,
    RemoveFolder,
    ReplaceFile,
    WriteDropIn,
)
from tests.worlds import LONG, ROOT, SHORT

FOLDER, OTHER = ROOT.child(LONG), ROOT.child(SHORT)
CREATE = CreateFolder(folder=FOLDER, files=((CA_FILE, b"ca"), (HOSTS_FILE, b"hosts")))
CREATE_OTHER = CreateFolder(folder=OTHER, files=CREATE.files)
REPLACE = ReplaceFile(folder=FOLDER, name=HOSTS_FILE, content=b"hosts")
NEW = ReplaceFile(folder=FOLDER, name=HOSTS_FILE, content=b"hosts of another endpoint")
REMOVE = RemoveFolder(folder=FOLDER, names=OUR_FILES)


def fought(*, times: int = MAX_REPAIRS, seconds_apart: float = 1.0) -> Fights:
    """Written once, then repaired that often."""
    fights = Fights().after([CREATE], now=0.0)
    for number in range(times):
        assert fights.paused([CREATE], now=number * seconds_apart) == ()
        fights = fights.after([CREATE], now=number * seconds_apart)
    return fights


def test_the_first_write_is_no_repair() -> None:
    fights = Fights().after([CREATE], now=0.0)
    assert fights.repaired_at == {}


def test_a_few_repairs_are_made_and_then_they_pause() -> None:
    assert fought(times=MAX_REPAIRS - 1).paused([CREATE], now=60.0) == ()
    assert fought().paused([CREATE], now=60.0) == (FOLDER,)


def test_one_file_that_is_put_back_counts_like_the_whole_directory() -> None:
    assert fought().paused([REPLACE], now=60.0) == (FOLDER,)


def test_other_directories_are_repaired_all_the_same() -> None:
    fights = fought().after([CREATE_OTHER], now=60.0)
    assert fights.paused([CREATE, CREATE_OTHER], now=61.0) == (FOLDER,)


def test_what_is_new_is_written_at_once_and_is_no_repair() -> None:
    fights = fought()
    assert fights.paused([NEW], now=60.0) == ()
    after = fights.after([NEW], now=60.0)
    assert len(after.repaired_at[FOLDER]) == MAX_REPAIRS
    assert after.paused([NEW], now=61.0) == (FOLDER,)


def test_a_change_by_way_of_two_writes_is_known_by_the_last_one() -> None:
    union = ReplaceFile(folder=FOLDER, name=CA_FILE, content=b"both")
    final = ReplaceFile(folder=FOLDER, name=CA_FILE, content=b"new")
    fights = fought().after([union, NEW, AwaitReaders(), final], now=60.0)
    assert fights.paused([final], now=61.0) == (FOLDER,)
    assert fights.paused([union], now=61.0) == ()


def test_a_changed_drop_in_gets_the_certificates_that_it_names() -> None:
    first = WriteDropIn(folder=ROOT, name=HOSTS_FILE, content=b"one registry")
    second = WriteDropIn(folder=ROOT, name=HOSTS_FILE, content=b"two registries")
    fights = fought().after([first], now=60.0)
    assert fights.paused([CREATE, first], now=61.0) == (FOLDER,)
    assert fights.paused([CREATE, second], now=61.0) == ()


def test_a_service_that_moves_to_and_fro_is_no_fight() -> None:
    fights = Fights().after([CREATE], now=0.0)
    for now in range(1, 100):
        fights = fights.after([NEW if now % 2 else REPLACE], now=float(now))
    assert fights.paused([NEW], now=100.0) == ()


def test_a_directory_that_we_removed_ourselves_was_not_undone_by_others() -> None:
    fights = fought().after([REMOVE], now=60.0)
    assert fights.paused([CREATE], now=61.0) == ()
    assert fights.after([CREATE], now=61.0).repaired_at == {}


def test_after_the_hour_it_is_tried_again_and_no_more_often_than_before() -> None:
    fights = fought()
    later = WINDOW_SECONDS
    assert fights.paused([CREATE], now=later - 1.0) == (FOLDER,)
    assert fights.paused([CREATE], now=later) == ()
    assert fights.after([CREATE], now=later).paused([CREATE], now=later + 0.5) == (FOLDER,)


def test_rare_repairs_never_pause() -> None:
    seconds_apart = WINDOW_SECONDS / MAX_REPAIRS
    fights = fought(times=50, seconds_apart=seconds_apart)
    assert fights.paused([CREATE], now=50 * seconds_apart) == ()


def test_the_problem_names_the_place_and_stays_the_same_from_pass_to_pass() -> None:
    problem = fought_over(FOLDER)
    assert (problem.reason, problem.where) == (Reason.FOUGHT_OVER, FOLDER.path)
    assert problem == fought_over(FOLDER)
