"""The YAML of Kubernetes is read as it is meant; the rest is refused with its line."""

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.cluster.documents import BadDocument, Located, read_json, read_yaml


def values(text: str) -> list[object]:
    return [located.value for located in read_yaml(text.encode())]


def refusal(text: str) -> BadDocument:
    with pytest.raises(BadDocument) as refused:
        values(text)
    return refused.value


def test_documents_are_read_one_by_one_with_their_lines() -> None:
    text = "a: 1\n---\n# comment\n\nb: [x, {c: d}]\n---\n"

    assert list(read_yaml(text.encode())) == [
        Located({"a": 1}, 1),
        Located({"b": ["x", {"c": "d"}]}, 5),
        Located(None, 7),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("443", 443),
        ('"443"', "443"),
        ("'true'", "true"),
        ("!!str 443", "443"),
        ("true", True),
        ("No", False),
        ("~", None),
        ("", None),
        ("1.5", 1.5),
        ("010", 10.0),
        ("1e400", float("inf")),
        ("9" * 5000, float("inf")),
        ("2026-99-99", "2026-99-99"),
        ("0x1f", "0x1f"),
        ("10.96.0.50", "10.96.0.50"),
        ("fd00::1", "fd00::1"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("&a [x]", ["x"]),
    ],
)
def test_a_value_is_of_a_type_that_json_has(text: str, value: object) -> None:
    assert values(f"k: {text}") == [{"k": value}]


def test_an_alias_stands_for_its_anchor() -> None:
    assert values("a: &x {b: 1}\nc: *x\n") == [{"a": {"b": 1}, "c": {"b": 1}}]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [", 3),
        ("a: 1\n\tb: 2", 2),
        ("a: 1\nb: *x", 2),
        ("a: 1\nb: 2\na: 3", 3),
        ("a:\n  <<: {b: 1}", 2),
        ("a:\n- 1: 2", 2),
        ("a:\n- ? [x]\n  : 2", 2),
        ("a:\n- !!binary AAAA", 2),
        ("a: !!bool x", 1),
        ("a: !!int ''", 1),
        ("a: \x00", 1),
        ("[" * 200_000, 1),
        ("- " * 500 + "x", 1),
    ],
)
def test_anything_else_is_refused_with_its_line(text: str, line: int) -> None:
    assert refusal(text).line == line


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadDocument):
        list(read_yaml(b"a: \xff\xff"))


@given(st.text())
def test_no_text_is_a_bug(text: str) -> None:
    try:
        values(text)
    except BadDocument as refused:
        assert refused.line >= 1  # noqa: PT017 - read or refused


EXPONENT = re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+")
# PyYAML writes a text such as 0E0 without quotes; other readers, ours too, take it for a number.
TEXTS = st.text(max_size=20).filter(lambda text: not EXPONENT.fullmatch(text))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@given(PLAIN)
def test_what_pyyaml_writes_is_read_back(value: object) -> None:
    written = yaml.safe_dump(value)

    assert values(written) == list(yaml.safe_load_all(written)) == [value]


@given(PLAIN)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert [located.value for located in read_json(json.dumps(value).encode())] == [value]


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ('{\n"a": }', 2), ('{"a": 1, "a": 2}', 1), ("[" * 100_000, 1), ("9" * 5000, 1)],
)
def test_bad_json_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(BadDocument) as refused:
        list(read_json(text.encode()))

    assert refused.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r'{"a": "b\ud800"}', id="a value"),
        pytest.param(r'{"b\udfff": 1}', id="a key"),
        pytest.param(r'{"a": [["\ud800"]]}', id="deep in a list"),
    ],
)
def test_half_a_character_is_refused(text: str) -> None:
    with pytest.raises(BadDocument, match="surrogates not allowed"):
        list(read_json(text.encode()))
    with pytest.raises(BadDocument):
        list(read_yaml(text.encode()))


def test_half_a_character_in_bytes_is_refused() -> None:
    with pytest.raises(BadDocument, match="surrogates not allowed"):
        list(read_json(b'{"a": "\xed\xa0\x80"}'))


def test_both_halves_of_a_character_are_one() -> None:
    assert list(read_json(rb'{"a": "\ud83d\ude00"}')) == [Located({"a": "\U0001f600"}, 1)]


def test_json_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(BadDocument):
        list(read_json(b'{"a": "\xff"}'))
