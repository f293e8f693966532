"""A plan in words: one line per step, and a unified diff of every file it would change.

Secrets do not leak: a person may have put one into a file of ours (`[header]`, credentials), and
the diff shows what is replaced. Every value, comment or other line that speaks of authentication,
or stands in a table that does, is redacted to its end, and so is a private key.
"""

import re
import tomllib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import assert_never

from agent.errors import Problem
from agent.planning.ledger import file_path
from agent.planning.model import Folder, Found, FoundFolder, HostPath
from agent.planning.secrets import REDACTED, may_be_secret
from agent.planning.steps import (
    AwaitReaders,
    CreateFolder,
    ReloadRuntime,
    RemoveDropIn,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
    Step,
    WriteDropIn,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a pass would do: steps, their diff, and what the runtime itself needs.

    `action` is what would be done to the runtime, or what it needs of a person: none, reload or
    restart. `change_needed` is a diff of its own configuration that a person must make.
    """

    steps: tuple[Step, ...]
    diff: str
    action: str
    change_needed: str
    problems: tuple[Problem, ...]


_TABLE = re.compile(r"\s*\[+(?P<name>.*)\]+\s*(#.*)?")
_KEY = re.compile(r"\s*[^=#\s][^=]*?\s*=\s*")


def describe_step(step: Step) -> str:
    """One line: what is done, and where."""
    match step:
        case CreateFolder(folder=folder):
            text = f"create {folder.path}"
        case ReplaceFile(folder=folder, name=name):
            text = f"replace {file_path(folder, name)}"
        case WriteDropIn(folder=folder, name=name):
            text = f"write {file_path(folder, name)}"
        case ReloadRuntime():
            text = "reload the runtime"
        case AwaitReaders():
            text = "wait for pulls that read the old files"
        case RemoveFolder(folder=folder):
            text = f"remove {folder.path}"
        case RemoveEmptyFolder(folder=folder):
            text = f"remove {folder.path} if it is empty"
        case RemoveDropIn(folder=folder, name=name):
            text = f"remove {file_path(folder, name)}"
        case _:
            assert_never(step)
    return text


def files_written(steps: Iterable[Step]) -> int:
    """How many files the steps write."""
    return sum(
        len(step.files)
        if isinstance(step, CreateFolder)
        else isinstance(step, ReplaceFile | WriteDropIn)
        for step in steps
    )


def diff_of(steps: Iterable[Step], *, found: Mapping[Folder, Found]) -> str:
    """A unified diff from what is on the node to what will be after the steps."""
    steps = tuple(steps)
    before: dict[HostPath, bytes] = {}
    after: dict[HostPath, bytes | None] = {}
    for folder, name, content in _final_contents(steps, found):
        path = file_path(folder, name)
        old = _content(found, folder, name)
        if old is not None:
            before[path] = old
        after[path] = content
    return "".join(_file_diff(path, before.get(path), after[path]) for path in after)


def redact(text: str) -> str:
    """The text of a TOML or PEM file with everything that may be a secret replaced."""
    return "".join(_redacted(deque(text.splitlines(keepends=True))))


def _redacted(lines: deque[str]) -> Iterator[str]:
    table = ""
    while lines:
        line = lines.popleft()
        header = _TABLE.fullmatch(line.rstrip())
        if header:
            table = header["name"]
        elif line.strip() and (may_be_secret(line) or may_be_secret(table)):
            key = _KEY.match(line)
            while lines and not _is_whole(line):
                line += lines.popleft()
            line = f'{key[0] if key else "# "}"{REDACTED}"\n'
        yield line


def _is_whole(text: str) -> bool:
    """Whether a value ends here. What is no TOML at all ends nowhere: it is redacted whole."""
    if "-----BEGIN" in text:
        return "-----END" in text
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _final_contents(
    steps: Iterable[Step], found: Mapping[Folder, Found]
) -> Iterator[tuple[Folder, str, bytes | None]]:
    for step in steps:
        if isinstance(step, CreateFolder):
            for name, content in step.files:
                yield step.folder, name, content
        elif isinstance(step, ReplaceFile | WriteDropIn):
            yield step.folder, step.name, step.content
        elif isinstance(step, RemoveDropIn):
            if _content(found, step.folder, step.name) is not None:
                yield step.folder, step.name, None
        elif isinstance(step, RemoveFolder):
            for name in step.names:
                if _content(found, step.folder, name) is not None:
                    yield step.folder, name, None


def _content(found: Mapping[Folder, Found], folder: Folder, name: str) -> bytes | None:
    there = found.get(folder)
    return there.files.get(name) if isinstance(there, FoundFolder) else None


def _file_diff(path: HostPath, before: bytes | None, after: bytes | None) -> str:
    lines = unified_diff(
        _lines(before),
        _lines(after),
        fromfile=f"a{path}" if before is not None else "/dev/null",
        tofile=f"b{path}" if after is not None else "/dev/null",
    )
    return "".join(lines)


def _lines(content: bytes | None) -> list[str]:
    text = (content or b"").decode(errors="replace")
    return [f"{line}\n" for line in redact(text).splitlines()]
