"""What the real-node tests pulled with, and the README's table of supported versions made of it.

`python -m tests.supported` prints the table of the last `make realnode`, `--write` puts it in the
README's place for it, and `--check` compares: status 1 where something was run that the README does
not tell, and in CI, where all is run, where it tells of something that was not. The versions in the
last column are told but not compared: Debian's move on.
"""

import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RECORD = ROOT / "build/supported"
HEAD = ("| runtime | pulls were shown with | versions that ran |", "|---|---|---|")
_NUMBERS = re.compile(r"\d+\.\d+\.\d+")


class Way(StrEnum):
    """How a runtime was told where its registry configuration lies, in the README's words."""

    DIRECTORY = "one directory"
    COLON_LIST = "a colon list"
    LOCAL_PULL = "a colon list and `use_local_image_pull`"
    DISCARDED_LAYERS = "a colon list and `discard_unpacked_layers`"
    UNSET = "nothing set"
    DROP_IN = "a drop-in, reloaded"
    WATCHED = "a drop-in and `auto_reload_registries`"
    CRIO_FILES = "the files that CRI-O gets"
    CA_ALONE = "the CA alone, where the node's DNS knows the name"


def record(*, runtime: str, version: str, way: Way) -> None:
    """Remember that this version pulled in this way; `version` may say more than its numbers."""
    found = _NUMBERS.search(version)
    assert found, f"{runtime} calls its version {version}"
    RECORD.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"runtime": runtime, "version": found[0], "way": way.name})
    (RECORD / f"{runtime}-{found[0]}-{way.name}.json").write_text(f"{content}\n")


def table(place: Path) -> list[str]:
    """The lines of the table, a row for each minor version; without rows where nothing ran."""
    ways, versions = defaultdict[str, set[Way]](set), defaultdict[str, set[str]](set)
    for file in place.glob("*.json"):
        ran = json.loads(file.read_text())
        row = f"{ran['runtime']} {ran['version'].rpartition('.')[0]}"
        ways[row].add(Way[ran["way"]])
        versions[row].add(ran["version"])
    rows = [
        f"| {row} | {'; '.join(way for way in Way if way in ways[row])} "
        f"| {', '.join(sorted(versions[row], key=_in_order))} |"
        for row in sorted(ways, key=_in_order)
    ]
    return [*HEAD, *rows]


@dataclass(frozen=True, kw_only=True)
class Differences:
    """The rows that only one of the two has, without the versions that ran."""

    only_told: frozenset[str]
    only_ran: frozenset[str]


def differences(readme: str, ran: Sequence[str]) -> Differences:
    """What the README's table says and what ran, apart; a README without the table says nothing."""
    told = {_compared(row) for row in _parts(readme)[1].splitlines()[len(HEAD) :]}
    there = {_compared(row) for row in ran[len(HEAD) :]}
    return Differences(only_told=frozenset(told - there), only_ran=frozenset(there - told))


def replaced(readme: str, ran: Sequence[str]) -> str:
    """The README with this table in the place of its own.

    Raises ValueError when it has none to replace.
    """
    before, old, after = _parts(readme)
    if not old:
        raise ValueError(f"the README has no line {HEAD[0]}")
    return "\n".join([*before.splitlines(), *ran]) + after


def _parts(readme: str) -> tuple[str, str, str]:
    """What stands before the table, the table, and what follows from the end of its last row on."""
    before, head, rest = readme.partition(HEAD[0])
    rows, gap, after = rest.partition("\n\n")
    return before, head + rows, gap + after


def _compared(row: str) -> str:
    """A row without its last cell."""
    return row.rpartition(" | ")[0]


def _in_order(text: str) -> tuple[str, list[int]]:
    """By name and then by number, 1.9 before 1.10."""
    return re.sub(r"\d+", "", text).casefold(), [int(number) for number in re.findall(r"\d+", text)]


def main(arguments: list[str]) -> int:
    lines = table(RECORD)
    match arguments:
        case ["--check"]:
            return _check(lines)
        case ["--write"]:
            README.write_text(replaced(README.read_text(), lines))
        case _:
            sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _check(lines: Sequence[str]) -> int:
    found = differences(README.read_text(), lines)
    for row in sorted(found.only_ran, key=_in_order):
        sys.stdout.write(f"run, but not in the README: {row}\n")
    for row in sorted(found.only_told, key=_in_order):
        sys.stdout.write(f"in the README, but not run: {row}\n")
    wrong = found.only_ran or (found.only_told and os.environ.get("CI") == "true")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
