"""The README's table of supported versions says what was run, no more and no less."""

import json

import pytest

from tests import supported
from tests.supported import HEAD, Way, differences, main, replaced, table

ROW = "| containerd 1.7 | one directory | 1.7.35 |"
COMPARED = "| containerd 1.7 | one directory"


def ran(place, *, version, way=Way.DIRECTORY, runtime="containerd"):
    content = {"runtime": runtime, "version": version, "way": way.name}
    (place / f"{runtime}-{version}-{way.name}.json").write_text(json.dumps(content))


def readme(*rows):
    return "\n".join(["Before.", "", *HEAD, *rows, "", "After.", ""])


def test_a_row_holds_all_that_a_minor_version_was_shown_with(tmp_path):
    ran(tmp_path, version="1.10.2", way=Way.COLON_LIST)
    ran(tmp_path, version="1.9.10")
    ran(tmp_path, version="1.9.9", way=Way.COLON_LIST)
    ran(tmp_path, version="1.9.9")
    assert table(tmp_path) == [
        *HEAD,
        "| containerd 1.9 | one directory; a colon list | 1.9.9, 1.9.10 |",
        "| containerd 1.10 | a colon list | 1.10.2 |",
    ]


def test_a_patch_version_that_moved_on_is_no_difference():
    moved = "| containerd 1.7 | one directory | 1.7.28, 1.7.35 |"
    found = differences(readme(moved), [*HEAD, ROW])
    assert (found.only_told, found.only_ran) == (frozenset(), frozenset())


def test_what_was_not_run_may_not_be_told():
    found = differences(readme(ROW), HEAD)
    assert (found.only_told, found.only_ran) == ({COMPARED}, frozenset())


@pytest.mark.parametrize("text", [readme(), "Nothing here.\n"])
def test_what_was_run_must_be_told(text):
    found = differences(text, [*HEAD, ROW])
    assert (found.only_told, found.only_ran) == (frozenset(), {COMPARED})


def test_another_way_is_a_difference():
    other = ROW.replace("one directory", "one directory; a colon list")
    found = differences(readme(other), [*HEAD, ROW])
    assert len(found.only_told) == len(found.only_ran) == 1


def test_the_table_is_replaced_and_nothing_else():
    assert replaced(readme("| old | rows | 1.2.3 |"), [*HEAD, ROW]) == readme(ROW)


def test_without_a_place_for_the_table_nothing_is_replaced():
    with pytest.raises(ValueError, match="no line"):
        replaced("Nothing here.\n", [*HEAD, ROW])


@pytest.mark.parametrize(
    ("told", "did_run", "in_ci", "status"),
    [
        ([ROW], True, False, 0),
        ([ROW], True, True, 0),
        ([], True, False, 1),
        ([ROW], False, False, 0),  # a program that this machine lacks
        ([ROW], False, True, 1),
    ],
)
def test_the_check_forgives_only_what_could_not_run_here(
    tmp_path, monkeypatch, told, did_run, in_ci, status
):
    (tmp_path / "README.md").write_text(readme(*told))
    (tmp_path / "record").mkdir()
    if did_run:
        ran(tmp_path / "record", version="1.7.35")
    monkeypatch.setattr(supported, "README", tmp_path / "README.md")
    monkeypatch.setattr(supported, "RECORD", tmp_path / "record")
    monkeypatch.setenv("CI", "true" if in_ci else "")
    assert main(["--check"]) == status
