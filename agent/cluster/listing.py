"""Collections, page by page: what one page says can be forgotten before the next is asked for."""

from collections.abc import Iterator

from agent.cluster.api import Api, Query
from agent.cluster.lookup import documents_at, text_at
from agent.cluster.objects import Document

PAGE = 100
"""Nodes of 50 KiB each, which is what many images on them make, are well below `api.MAX_BYTES`."""


def every(api: Api, path: str, selector: Query | None = None) -> Iterator[Document]:
    """Every object of a collection that is selected. Raises ApiError."""
    query = {**(selector or {}), "limit": str(PAGE)}
    while True:
        page = api.get(path, query)
        yield from documents_at(page, "items")
        token = text_at(page, "metadata", "continue")
        if not token:
            return
        query["continue"] = token
