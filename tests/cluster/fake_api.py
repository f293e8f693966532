"""The API server in memory, as far as objects, lists, reviews and preconditions go.

`test_leases.py` and `test_stored_objects.py` hold it to a real one.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.cluster.api_errors import (
    ApiError,
    ApiRefusedError,
    ApiUnreachableError,
    refused,
)
from agent.cluster.node_identity import NODE_NAME, NODE_UID, REVIEWS

Object = dict[str, Any]
DOWN = ApiUnreachableError("connection refused")


def refusal(status: int, reason: str = "") -> ApiRefusedError:
    return refused({"code": status, "reason": reason, "message": "the fake refuses"})


@dataclass(slots=True, kw_only=True)
class FakeApi:
    """`objects` by path. `failing` is raised by every request whose path begins with its key."""

    node: str = "node-1"
    uid: str = "uid-1"
    objects: dict[str, Object] = field(default_factory=dict)
    failing: dict[str, ApiError] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    server: str = "https://10.96.0.1"
    version: int = 0

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        self._ask("get", path)
        if path in self.objects:
            return copy.deepcopy(self.objects[path])
        below = sorted(key for key in self.objects if key.rpartition("/")[0] == path)
        if not below and query is None:
            raise refusal(404, "NotFound")
        return self._page(below, query or {})

    def create(self, path: str, body: Mapping[str, Any]) -> Object:
        self._ask("create", path)
        if path == REVIEWS:
            extra = {NODE_NAME: [self.node], NODE_UID: [self.uid]} if self.node else {}
            return {**body, "status": {"userInfo": {"username": "agent", "extra": extra}}}
        whole = f"{path}/{body['metadata']['name']}"
        if whole in self.objects:
            raise refusal(409, "AlreadyExists")
        self.objects[whole] = _merged({}, copy.deepcopy(dict(body)))
        self._count_up(whole)
        return copy.deepcopy(self.objects[whole])

    def patch(self, path: str, body: Mapping[str, Any]) -> Object:
        self._ask("patch", path)
        if path not in self.objects:
            raise refusal(404, "NotFound")
        wanted = body.get("metadata", {}).get("resourceVersion")
        if wanted not in {None, self.objects[path]["metadata"].get("resourceVersion")}:
            raise refusal(409, "Conflict")
        self.objects[path] = _merged(self.objects[path], copy.deepcopy(body))
        self._count_up(path)
        return copy.deepcopy(self.objects[path])

    def count(self, verb: str, path: str) -> int:
        """How many such requests were made below this path."""
        return sum(1 for asked, at in self.requests if asked == verb and at.startswith(path))

    def below(self, path: str) -> list[Object]:
        """The objects in a collection, in the order of their creation."""
        return [found for key, found in self.objects.items() if key.rpartition("/")[0] == path]

    def _count_up(self, path: str) -> None:
        self.version += 1
        self.objects[path].setdefault("metadata", {})["resourceVersion"] = str(self.version)

    def _ask(self, verb: str, path: str) -> None:
        self.requests.append((verb, path))
        for prefix, error in self.failing.items():
            if path.startswith(prefix):
                raise error

    def _page(self, keys: list[str], query: Mapping[str, str]) -> Object:
        start = int(query.get("continue", "0"))
        end = start + int(query.get("limit", len(keys) or 1))
        more = {"continue": str(end)} if end < len(keys) else {}
        return {
            "kind": "List",
            "metadata": more,
            "items": [copy.deepcopy(self.objects[key]) for key in keys[start:end]],
        }


def _merged(target: object, patch: object) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
