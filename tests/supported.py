"""What the real-node tests pulled with, and the README's table of supported versions made of it.

`python -m tests.supported` prints the table of the last `make realnode`; with `--check` it compares
the README's with it: status 1 where the README tells of something else than what was run. Patch
versions are told but not compared: Debian's move on.
"""

import json
import os
import re
import sys
from collections import defaultdict
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "build/supported"
HEAD = ("| runtime | pulls were shown with | versions that ran |", "|---|---|---|")
_NUMBERS = re.compile(r"\d+\.\d+\.\d+")
_PATCH = re.compile(r"(\d+\.\d+)\.\d+")


class Way(StrEnum):
    """How a runtime was told where its registry configuration lies, in the README's words."""

    DIRECTORY = "one directory"
    COLON_LIST = "a colon list"
    LOCAL_PULL = "a colon list and `use_local_image_pull`"
    DISCARDED_LAYERS = "a colon list and `discard_unpacked_layers`"
    UNSET = "nothing set"
    DROP_IN = "a drop-in, reloaded"
    CRIO_FILES = "the files that CRI-O gets"


def _minors(text: str) -> str:
    """The text with minor versions where patch versions stand."""
    return _PATCH.sub(r"\1", text)


def record(*, runtime: str, version: str, way: Way) -> None:
    """Remember that this version pulled in this way; `version` may say more than its numbers."""
    found = _NUMBERS.search(version)
    assert found, f"{runtime} calls its version {version}"
    RECORD.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"runtime": runtime, "version": found[0], "way": way.name})
    (RECORD / f"{runtime}-{found[0]}-{way.name}.json").write_text(f"{content}\n")


def table(record: Path = RECORD) -> list[str]:
    """The lines of the table, a row for each minor version; without rows where nothing ran."""
    ways, versions = defaultdict[str, set[Way]](set), defaultdict[str, set[str]](set)
    for file in record.glob("*.json"):
        ran = json.loads(file.read_text())
        row = f"{ran['runtime']} {_minors(ran['version'])}"
        ways[row].add(Way[ran["way"]])
        versions[row].add(ran["version"])
    rows = [
        f"| {row} | {', '.join(way for way in Way if way in ways[row])} "
        f"| {', '.join(sorted(versions[row], key=_in_order))} |"
        for row in sorted(ways, key=_in_order)
    ]
    return [*HEAD, *rows]


def differences(readme: str, ran: list[str]) -> list[str]:
    """The rows that only one of the two has, patch versions aside."""
    told = readme.partition(f"{HEAD[0]}\n")[2].partition("\n\n")[0].splitlines()
    there = {_minors(line) for line in told[1:]}
    wanted = {_minors(line) for line in ran[len(HEAD) :]}
    return sorted(
        [f"only in the README: {line}" for line in there - wanted]
        + [f"not in the README: {line}" for line in wanted - there]
    )


def _in_order(text: str) -> tuple[str, list[int]]:
    """By name and then by number, 1.9 before 1.10."""
    return re.sub(r"\d+", "", text), [int(number) for number in re.findall(r"\d+", text)]


def main(arguments: list[str]) -> int:
    lines = table()
    if arguments != ["--check"]:
        sys.stdout.write("\n".join(lines) + "\n")
        return 0
    found = differences((ROOT / "README.md").read_text(), lines)
    sys.stdout.write("".join(f"supported versions: {line}\n" for line in found))
    return 1 if found and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
