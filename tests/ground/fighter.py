"""A real program that deletes a directory as soon as it is there, again and again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ground.node import Node

_LOOP = 'while sleep 0.1; do rm -rf "$0"; done'


@contextmanager
def fighter(node: Node, place: Path) -> Iterator[None]:
    """It runs on the node until the end of the block."""
    with node.popen(["bash", "-c", _LOOP, str(place)]) as process:
        try:
            yield
        finally:
            process.end()
