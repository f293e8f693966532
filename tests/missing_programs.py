"""What this machine lacks: the tests of it are skipped, once and loudly told, and failed in CI."""

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.ground.debian import ProgramMissingError

_T = TypeVar("_T")

_missing: dict[str, str] = {}


def found_or_skipped(what: str, fetch: Callable[[], _T]) -> _T:
    """What `fetch` returns; without its program the test of `what` is skipped, in CI failed."""
    if what not in _missing:
        try:
            return fetch()
        except ProgramMissingError as trouble:
            _missing[what] = f"{what}: {trouble}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"not tested: {_missing[what]}")
    pytest.skip(f"not tested: {_missing[what]}")


def untested() -> tuple[str, ...]:
    """What was not tested on this machine so far, and why."""
    return tuple(_missing.values())
