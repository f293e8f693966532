"""What makes CRI-O refuse a registries.conf, or a drop-in of it.

Each file is judged by itself, before they are merged: so no file of somebody else makes ours a bad
one, nor ours another's (facts of source: containers/image 5.35 and 5.38,
pkg/sysregistriesv2/system_registries_v2.go, loadConfigFile and postProcessRegistries). Aliases of
short names, which it judges too, are not looked into.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_DOMAIN = re.compile(r"[A-Za-z0-9]+(-+[A-Za-z0-9]+)*(\.[A-Za-z0-9]+(-+[A-Za-z0-9]+)*)*(:[0-9]+)?")
_MODES = frozenset({"", "disabled", "enforcing", "permissive"})
_USES = frozenset({"", "all", "digest-only", "tag-only"})
_V2 = ("registry", "unqualified-search-registries", "credential-helpers", "short-name-mode")


def prefixes_in(document: Mapping[str, Any], *, is_drop_in: bool) -> tuple[str, ...]:
    """The names that a file configures. Raises ValueError, in words, where CRI-O refuses it."""
    if _is_version_1(document) and (is_drop_in or any(key in document for key in _V2)):
        raise ValueError("it is, or is in part, of version 1: [registries.search] and the like")
    for name in _texts(document.get("unqualified-search-registries", [])):
        if not _DOMAIN.fullmatch(_place(name)):
            raise ValueError(f"{name!r} is no registry to search")
    if document.get("short-name-mode", "") not in _MODES:
        raise ValueError("its short-name-mode is none")
    flags: dict[str, tuple[bool, bool]] = {}
    prefixes = []
    for registry in _tables(document.get("registry", [])):
        prefix, place = _names(registry)
        now = (_flag(registry, "insecure"), _flag(registry, "blocked"))
        if flags.setdefault(place or prefix, now) != now:
            raise ValueError(f"{place or prefix} is both insecure and not, or blocked and not")
        _check_mirrors(registry)
        prefixes.append(prefix)
    return tuple(prefixes)


def _names(registry: Mapping[str, Any]) -> tuple[str, str]:
    """Its prefix, which may be left out, and where it sends that; empty only for a wildcard."""
    place, prefix = _place(_text(registry, "location")), _place(_text(registry, "prefix"))
    if not place and not prefix:
        raise ValueError("a registry has neither prefix nor location")
    if not place and not prefix.startswith("*."):
        raise ValueError(f"{prefix} has no location")
    if prefix.startswith("*.") and any(sign in prefix for sign in "/@:"):
        raise ValueError(f"{prefix} is no wildcard of the form *.example.com")
    return prefix or place, place


def _check_mirrors(registry: Mapping[str, Any]) -> None:
    if _text(registry, "pull-from-mirror"):
        raise ValueError("pull-from-mirror is set for a registry that is no mirror")
    for mirror in _tables(registry.get("mirror", [])):
        use = _text(mirror, "pull-from-mirror")
        if not _place(_text(mirror, "location")):
            raise ValueError("a mirror has no location")
        if use not in _USES or (use and _flag(registry, "mirror-by-digest-only")):
            raise ValueError(f"pull-from-mirror is {use!r}, or mirror-by-digest-only beside it")
        _flag(mirror, "insecure")


def _is_version_1(document: Mapping[str, Any]) -> bool:
    old = document.get("registries", {})
    return isinstance(old, dict) and not {"search", "insecure", "block"}.isdisjoint(old)


def _place(name: str) -> str:
    if name.startswith(("http://", "https://")):
        raise ValueError(f"{name!r} has a scheme")
    return name.rstrip("/")


def _tables(value: object) -> Iterator[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("registry, or mirror, is no list of tables")
    yield from value


def _texts(value: object) -> Iterator[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("the registries to search are no list of texts")
    yield from value


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} is no text")  # noqa: TRY004 - bad input
    return value


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} is neither true nor false")  # noqa: TRY004 - bad input
    return value
