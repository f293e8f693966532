"""What one watch last saw, and whether that still holds: unknown is not absent.

Objects stay as they were last seen until a LIST says otherwise. They count as known while the
server is in contact: while a watch is open, and for a little while after, so that the usual
reconnect is nothing to speak of.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from agent.cluster.objects import Document
from agent.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The objects as last seen. While they are not `known` there may be others, or fewer."""

    objects: tuple[Document, ...] = ()
    known: bool = False
    problem: Problem | None = None


class LastSeen:
    """Written by one thread, read by any. What changes it returns whether the snapshot changed."""

    def __init__(self, *, grace_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._objects: dict[str, Document] = {}
        self._watching = False
        self._seen_at: float | None = None
        self._failing_since = 0.0
        self._failure: Problem | None = None
        self._told = Snapshot()

    def listed(self, objects: Mapping[str, Document]) -> bool:
        """A LIST was answered: these are all there are."""
        with self._lock:
            self._objects = dict(objects)
            self._seen_at = self._clock()
            return self._tell()

    def put(self, name: str, document: Document) -> bool:
        """An object is there, or is another one."""
        with self._lock:
            self._objects[name] = document
            return self._tell()

    def opened(self) -> bool:
        """A watch stands: until it is closed, nothing changes unseen."""
        with self._lock:
            self._watching = True
            self._failure = None
            return self._tell()

    def closed(self) -> None:
        """The watch has ended, for whatever reason."""
        with self._lock:
            self._watching = False
            self._seen_at = self._clock()

    def failed(self, problem: Problem) -> bool:
        """A LIST, or the opening of a watch, did not succeed."""
        with self._lock:
            if self._failure is None:
                self._failing_since = self._clock()
            self._failure = problem
            return self._tell()

    def snapshot(self) -> Snapshot:
        """What is known now."""
        with self._lock:
            return self._snapshot()

    def _tell(self) -> bool:
        before, self._told = self._told, self._snapshot()
        return self._told != before

    def _snapshot(self) -> Snapshot:
        now = self._clock()
        never = self._seen_at is None
        recent = self._seen_at is not None and now - self._seen_at <= self._grace_seconds
        lasting = never or now - self._failing_since > self._grace_seconds
        return Snapshot(
            objects=tuple(self._objects.values()),
            known=self._watching or recent,
            problem=self._failure if lasting else None,
        )
