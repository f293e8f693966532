"""The one change of config.toml that turns on config_path, exact, and as a unified diff.

It sets `config_path` and leaves every other byte: a new table goes to the end of the file, where it
parts no comment from what it is about; in a table that is there one line is changed or added, and
where it is written in an unusual way tomlkit finds it. Each attempt is read back, and one that
changes more than that is dropped. Which file and table it belongs in is not guessed: places are
tried in the order in which a person would choose them, and the first that containerd's own rules
read back as meant is taken.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from agent.errors import NodeTrouble
from agent.planning.containerd_config_file import (
    BYTE_ORDER_MARK,
    GRPC_CRI,
    IMAGES_CRI,
    SHORT_CRI,
    ConfigFile,
    parse_config_file,
    string,
)
from agent.planning.containerd_merge import Version, merge
from agent.planning.model import ConfigChange, HostPath
from agent.planning.secrets import may_be_secret

_NEW_FILE = "version = 2\n"  # the version that every containerd from 1.5 on reads
_CONTEXT_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A plugin's table in a file."""

    file: ConfigFile
    plugin: str


def find_config_path_change(
    files: Sequence[ConfigFile], *, main: HostPath, config_path: str, version: Version | None
) -> ConfigChange | None:
    """The change; None where only a person can tell. A missing main file is made."""
    present = list(files) or [ConfigFile(path=main, text="", values={})]
    for place in _places(present, new=not files):
        changed = _set(place, config_path, new=not files)
        if changed is None:
            continue
        others = [changed if file is place.file else file for file in present]
        if string(merge(others, version=version).registry, "config_path") == config_path:
            return ConfigChange(
                path=changed.path,
                before=place.file.text.encode() if files else None,
                after=changed.text.encode(),
            )
    return None


def _places(files: Sequence[ConfigFile], *, new: bool) -> Iterator[_Place]:
    """Tables that are there, the last file first, because it wins; else the main file's."""
    by_version = {0: SHORT_CRI, 1: SHORT_CRI, 2: GRPC_CRI}
    for file in reversed(files):
        for plugin in (IMAGES_CRI, GRPC_CRI, SHORT_CRI):
            if plugin in file.plugins:
                yield _Place(file=file, plugin=plugin)
    main = files[0]
    usual = GRPC_CRI if new else by_version.get(main.version, IMAGES_CRI)
    for plugin in (usual, IMAGES_CRI, GRPC_CRI):
        yield _Place(file=main, plugin=plugin)


def _set(place: _Place, config_path: str, *, new: bool) -> ConfigFile | None:
    """The file with the value set there; None if that cannot be done without changing more."""
    text = _NEW_FILE if new else place.file.text.removeprefix(BYTE_ORDER_MARK)
    mark = BYTE_ORDER_MARK if place.file.text.startswith(BYTE_ORDER_MARK) else ""
    names = ("plugins", place.plugin, "registry")
    meant = inner = tomllib.loads(text)
    for name in names:
        inner = inner.setdefault(name, {})
    inner["config_path"] = config_path
    for edit in (_append_table, _edit_line, _replace_value):
        try:
            changed = mark + edit(text, names, config_path)
            after = parse_config_file(place.file.path, changed.encode())
        except (TOMLKitError, NodeTrouble, ValueError):
            continue
        if after.values == meant and _is_local(text, changed.removeprefix(mark)):
            return after
    return None


def _is_local(before: str, after: str) -> bool:
    """Whether all that was there still is, byte for byte, but for one line at most.

    tomlkit 0.15 can indent a neighbour anew where a plugin's tables stand apart from one another.
    """
    old, new = _lines(before), _lines(after)
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return len(old) <= 1


def _append_table(text: str, names: Sequence[str], config_path: str) -> str:
    """The text with the table as its last; not TOML any more if the table is already there."""
    end = "\r\n" if "\r\n" in text else "\n"
    header = tomlkit.key(names).as_string()
    value = tomlkit.string(config_path).as_string()
    gap = ("" if text.endswith("\n") or not text else end) + (end if text else "")
    return f"{text}{gap}[{header}]{end}config_path = {value}{end}"


def _edit_line(text: str, names: Sequence[str], config_path: str) -> str:
    """The text with one line of the table changed, or one more below its header."""
    value = tomlkit.string(config_path).as_string()
    header = rf"^([ \t]*)\[{re.escape(tomlkit.key(names).as_string())}\][^\n]*?(\r?\n|\Z)"
    others = r"(?:(?![ \t]*\[)[^\n]*\n)*?"
    empty = re.search(
        rf"{header}{others}[ \t]*config_path[ \t]*=[ \t]*(\"\"|'')", text, re.MULTILINE
    )
    if empty:
        return f"{text[: empty.start(3)]}{value}{text[empty.end(3) :]}"
    found = re.search(header, text, re.MULTILINE)
    if found is None:
        raise ValueError("the table has no header of its own")
    end = found[2] or ("\r\n" if "\r\n" in text else "\n")
    above, below = text[: found.end()].removesuffix(end), text[found.end() :]
    return f"{above}{end}{found[1]}  config_path = {value}{end}{below}"


def _replace_value(text: str, names: Sequence[str], config_path: str) -> str:
    """The text with another value in the table that is there, however it is written."""
    document = tomlkit.parse(text)
    table: Any = document
    for name in names:
        table = table[name]
    table["config_path"] = config_path
    return tomlkit.dumps(document)


def render_change(change: ConfigChange) -> str:
    """The diff, for `patch -p1` in the node's root.

    Where the file holds what may be a secret, no line of it but the changed ones is shown.
    """
    before = (change.before or b"").decode()
    lines = difflib.unified_diff(
        _lines(before),
        _lines(change.after.decode()),
        fromfile="/dev/null" if change.before is None else f"a{change.path}",
        tofile=f"b{change.path}",
        n=0 if may_be_secret(before) else _CONTEXT_LINES,
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(text: str) -> list[str]:
    """Lines as `patch` counts them: they end with a line feed, and with nothing else."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
