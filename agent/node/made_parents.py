"""Which of the directories above the state directory were made by us: they go with it."""

import json
from collections.abc import Iterable
from pathlib import PurePosixPath

from agent.planning.model import Folder, HostPath


def encode_parents(made: Iterable[Folder]) -> str:
    """JSON: the path of each."""
    return json.dumps([folder.path for folder in made])


def decode_parents(content: bytes | None, *, of: Folder) -> list[Folder]:
    """Those that do hold this folder, outermost first; none when the record is damaged."""
    try:
        made = json.loads(content or b"[]")
    except (ValueError, RecursionError):
        return []
    *parents, _root = PurePosixPath(of.path).parents
    return [
        Folder(base=HostPath(str(path.parent)), below=(path.name,))
        for path in reversed(parents)
        if isinstance(made, list) and str(path) in made
    ]
