"""The README's table of supported versions says what was run, no more and no less."""

import json

from tests.supported import HEAD, Way, differences, table

ROW = "| containerd 1.7 | one directory | 1.7.24, 1.7.35 |"


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
        "| containerd 1.9 | one directory, a colon list | 1.9.9, 1.9.10 |",
        "| containerd 1.10 | a colon list | 1.10.2 |",
    ]


def test_a_patch_version_that_moved_on_is_no_difference():
    moved = "| containerd 1.7 | one directory | 1.7.28, 1.7.35 |"
    assert differences(readme(moved), [*HEAD, ROW]) == []


def test_what_was_not_run_may_not_be_told():
    assert differences(readme(ROW), list(HEAD)) == [f"only in the README: {_minor(ROW)}"]


def test_what_was_run_must_be_told():
    assert differences(readme(), [*HEAD, ROW]) == [f"not in the README: {_minor(ROW)}"]


def test_a_readme_without_the_table_tells_nothing():
    assert differences("Nothing here.\n", [*HEAD, ROW]) == [f"not in the README: {_minor(ROW)}"]


def test_another_way_is_a_difference():
    other = ROW.replace("one directory", "one directory, a colon list")
    assert len(differences(readme(other), [*HEAD, ROW])) == 2


def _minor(row):
    return row.replace("1.7.24", "1.7").replace("1.7.35", "1.7")
