"""YAML and JSON text to plain values, for the subset of YAML that Kubernetes objects are made of.

Built from libyaml's event stream instead of PyYAML's loaders: those recurse in C (two hundred
thousand `[` end the process with SIGSEGV), let `KeyError` and `IndexError` escape for odd tags,
and take the last of two equal keys without a word. Here depth is bounded, the error is one, it
names its line, and only the types of JSON exist: a date without quotes stays text.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # absent where libyaml is
_DEPTH = 100
_STRING_TAG = "tag:yaml.org,2002:str"
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{form: True for word in ("true", "yes", "on") for form in (word, word.title(), word.upper())},
    **{
        form: False
        for word in ("false", "no", "off")
        for form in (word, word.title(), word.upper())
    },
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


class BadDocument(ValueError):  # noqa: N818 - what it is, as BadInput is
    """Text that is not YAML, or not JSON, or more than Kubernetes objects need."""

    def __init__(self, message: str, *, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Located:
    """A document and the line, from 1, in which it begins."""

    value: object
    line: int


def read_json(content: bytes) -> Iterator[Located]:
    """Read the one document of a JSON file. Raises BadDocument."""
    try:
        value = json.loads(content, object_pairs_hook=_unique)
        json.dumps(value, ensure_ascii=False).encode()  # half a character could not be told of
    except json.JSONDecodeError as error:
        raise BadDocument(f"not JSON: {error.msg}", line=error.lineno) from error
    except (ValueError, RecursionError) as error:  # no UTF-8, a number of 5000 digits, 1000 `[`
        raise BadDocument(f"not JSON for us: {error}", line=1) from error
    yield Located(value, 1)


def read_yaml(content: bytes) -> Iterator[Located]:
    """Read the documents of a YAML file one by one. Raises BadDocument, maybe after some."""
    builder = _Builder()
    try:
        for event in yaml.parse(content, Loader=_LOADER):
            match event:
                case DocumentStartEvent():
                    builder = _Builder()
                case DocumentEndEvent():
                    yield Located(builder.root, builder.line)
                case NodeEvent() | CollectionEndEvent():
                    builder.take(event)
                case _:
                    pass  # the stream's own beginning and end
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BadDocument(f"not YAML: {error.problem or error.context}", line=line) from error
    except yaml.YAMLError as error:
        raise BadDocument(f"not YAML: {' '.join(str(error).split())}", line=1) from error


class _Builder:
    """Puts one document together, without recursion."""

    def __init__(self) -> None:
        self.root: object = None
        self.line = 1
        self._open: list[dict[object, object] | list[object]] = []
        self._keys: list[list[object]] = []  # of each open mapping: its key that awaits a value
        self._anchors: dict[str, object] = {}

    def take(self, event: Event) -> None:
        match event:
            case ScalarEvent():
                self._add(_scalar(event), event)
            case AliasEvent(anchor=anchor):
                if anchor not in self._anchors:
                    raise _at(event, f"no anchor {anchor!r} before its alias")
                self._add(self._anchors[anchor], event)
            case MappingStartEvent():
                self._enter({}, event)
            case SequenceStartEvent():
                self._enter([], event)
            case _:
                self._open.pop()
                self._keys.pop()

    def _enter(self, value: dict[object, object] | list[object], event: NodeEvent) -> None:
        if len(self._open) >= _DEPTH:
            raise _at(event, f"nested deeper than {_DEPTH}")
        self._add(value, event)
        self._open.append(value)
        self._keys.append([])

    def _add(self, value: object, event: NodeEvent) -> None:
        if event.anchor and not isinstance(event, AliasEvent):
            self._anchors[event.anchor] = value
        if not self._open:
            self.root, self.line = value, _line(event)
            return
        parent, key = self._open[-1], self._keys[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif key:
            parent[key.pop()] = value
        elif not isinstance(value, str):
            raise _at(event, "a key that is no string")
        elif value == "<<" and isinstance(event, ScalarEvent) and not event.style:
            raise _at(event, "a merge key, which is not supported")
        elif value in parent:
            raise _at(event, f"the key {value!r} a second time")
        else:
            key.append(value)


def _scalar(event: ScalarEvent) -> object:
    text = str(event.value)
    if event.tag and event.tag not in {_STRING_TAG, "!"}:
        raise _at(event, f"the tag {event.tag!r}, which is not supported")
    if event.tag or event.style:  # tagged !!str, quoted or in block form
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _at(event: Event, found: str) -> BadDocument:
    return BadDocument(f"not YAML for us: {found}", line=_line(event))


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1 if event.start_mark else 1
