"""What stands at a path of an object from the API server; nothing where it is of another type.

For what is only shown: an odd value is left out. What decides something goes through `objects`,
which refuses an odd value by name.
"""

from collections.abc import Mapping
from typing import cast

from agent.cluster.objects import Document


def value_at(document: object, *path: str) -> object:
    """The value at a path of keys; None where there is none."""
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


def text_at(document: object, *path: str) -> str:
    """The string there; empty where there is none."""
    value = value_at(document, *path)
    return value if isinstance(value, str) else ""


def texts_at(document: object, *path: str) -> dict[str, str]:
    """The strings by their keys, as labels are."""
    value = value_at(document, *path)
    pairs = value.items() if isinstance(value, Mapping) else ()
    return {key: text for key, text in pairs if isinstance(key, str) and isinstance(text, str)}


def list_at(document: object, *path: str) -> list[object]:
    """The list there; an empty one where there is none."""
    value = value_at(document, *path)
    return value if isinstance(value, list) else []


def documents_at(document: object, *path: str) -> list[Document]:
    """The objects in the list there."""
    return [
        cast("Document", item) for item in list_at(document, *path) if isinstance(item, Mapping)
    ]
