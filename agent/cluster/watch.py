"""Keeps one selection of objects up to date: LIST, then watch, and again when that ends.

Level-triggered. However a watch ends - its time is up, the server closes, the connection breaks or
falls silent, the version is too old (410) - a fresh LIST comes next, after a wait that a fleet does
not share. So a missed event is made good, and an object is gone only when a LIST lacks it: a
DELETED event just ends the watch within seconds, in which one that is made anew is seen at once.
Bookmarks are signs of life and nothing else.

Not the client's own `Watch` or `SharedInformer`: they reconnect without a wait, retry a version
that has expired, and never notice a connection that is half open.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Literal, NoReturn, TypeAlias, cast

from agent.cluster.api import Api, Stream
from agent.cluster.api_errors import (
    ApiError,
    ApiRefusedError,
    ApiSilentError,
    ApiUnreachableError,
    problem_of,
)
from agent.cluster.backoff import LAST_SECONDS, Backoff
from agent.cluster.last_seen import LastSeen, Snapshot
from agent.cluster.objects import Document
from agent.cluster.targets import Listed, Target, list_objects, name_of

End: TypeAlias = Literal[
    "timeout", "silent", "deleted", "closed", "expired", "refused", "unreachable"
]
"""How a watch, or the attempt at one, ended; the first three are how it should."""

_AS_IT_SHOULD = frozenset[End]({"timeout", "silent", "deleted"})
_GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """In seconds. Of a range every watch takes its own value, so that a fleet shares none."""

    first_spread: tuple[float, float] = (0.0, 0.5)
    """Before the first LIST."""
    lifetime: tuple[float, float] = (1800.0, 3600.0)
    """Until the server ends a watch: the range of its own default."""
    silence: tuple[float, float] = (75.0, 90.0)
    """Until a connection might be dead. A bookmark comes every 60 s, but only where something
    of the kind was changed or listed by anybody: in a small and quiet cluster silence is usual."""
    spread: tuple[float, float] = (0.0, 1.0)
    """Before the LIST after a watch that was well and ended as it should. One that ends sooner,
    each time, is as much work for the server as one that fails: a label that comes and goes, by
    whose hand ever, must not let every node list for ever."""
    confirm: tuple[float, float] = (2.0, 7.0)
    """From a DELETED event, which all nodes see at once, to the end of the watch: whoever replaces
    an object makes the new one within two seconds."""
    settled: float = 30.0
    """A watch that lived for so long was well: the next wait begins with the first window."""
    first_backoff: float = 5.0
    """Longer than for a write: a fleet that loses the API server comes back all at once, and every
    watch costs it a TLS handshake; of 5,000 nodes it has 2,000 a second to bear."""
    last_backoff: float = LAST_SECONDS
    grace: float = 60.0
    """Out of contact for longer than this, what was seen is no longer taken as known."""


class Watch:
    """Run it in a thread of its own.

    `changed` is called when the snapshot is another one, `ended` with how each watch ended.
    `looked` is set when the first LIST has been answered, or could not be.
    """

    def __init__(
        self,
        *,
        api: Api,
        target: Target,
        changed: Callable[[], None],
        ended: Callable[[End], None],
        timing: Timing,
    ) -> None:
        self.looked = threading.Event()
        self._api = api
        self._target = target
        self._changed = changed
        self._ended = ended
        self._timing = timing
        self._backoff = Backoff(
            first_seconds=timing.first_backoff, last_seconds=timing.last_backoff
        )
        self._seen = LastSeen(grace_seconds=timing.grace)
        self._stop = threading.Event()

    def snapshot(self) -> Snapshot:
        """What is known now. May be called by any thread."""
        return self._seen.snapshot()

    def close(self) -> None:
        """Let `run` return, once the API is closed too. May be called by any thread."""
        self._stop.set()
        self.looked.set()

    def run(self) -> None:
        """List and watch until closed."""
        self._stop.wait(_within(self._timing.first_spread))
        while not self._stop.is_set():
            wait_seconds = self._turn()
            self.looked.set()
            self._stop.wait(wait_seconds)

    def _turn(self) -> float:
        """A LIST, and the watch after it. Returns how long to wait before the next."""
        began = monotonic()
        error: ApiError | None = None
        try:
            listed = list_objects(self._api, self._target)
            self._tell(self._seen.listed(listed.objects))
            self.looked.set()
            end = self._follow(listed)
        except ApiError as failure:
            error, end = failure, _end_by(failure)
            problem = problem_of(error, server=self._api.server, subject=self._target.name)
            self._tell(self._seen.failed(problem))
        if self._stop.is_set():
            return 0.0
        self._ended(end)
        settled = monotonic() - began >= self._timing.settled
        if settled:
            self._backoff.succeeded()
        if settled and end in _AS_IT_SHOULD:
            return _within(self._timing.spread)
        return self._backoff.after(error)

    def _follow(self, listed: Listed) -> End:
        """Take in events until the watch ends. Raises ApiError."""
        lifetime = max(1, round(_within(self._timing.lifetime)))
        silence = _within(self._timing.silence)
        query = {
            **self._target.selector,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": listed.version,
            "timeoutSeconds": str(lifetime),
        }
        began = monotonic()
        with self._api.stream(
            listed.path, query, idle_seconds=silence, max_seconds=lifetime + silence
        ) as stream:
            self._tell(self._seen.opened())
            try:
                end = self._take(stream)
            except ApiSilentError:
                end = "silent"
            finally:
                self._seen.closed()
        lived = monotonic() - began
        return "timeout" if end == "closed" and lived > lifetime - 1 else end

    def _take(self, stream: Stream) -> End:
        """Take in each event until the watch ends, or is ended for a LIST to confirm a DELETED."""
        confirm: threading.Timer | None = None
        try:
            for event in stream:
                match event.get("type"):
                    case "ADDED" | "MODIFIED":
                        document = event.get("object")
                        self._tell(self._seen.put(name_of(document), cast("Document", document)))
                    case "DELETED":
                        confirm = confirm or self._cut_soon(stream)
                    case "BOOKMARK":
                        pass
                    case other:
                        _refuse(other)
        except ApiUnreachableError:
            if confirm is None:
                raise
        finally:
            if confirm is not None:
                confirm.cancel()
        return "closed" if confirm is None else "deleted"

    def _cut_soon(self, stream: Stream) -> threading.Timer:
        timer = threading.Timer(_within(self._timing.confirm), stream.cut)
        timer.daemon = True
        timer.start()
        return timer

    def _tell(self, changed: bool) -> None:
        if changed:
            self._changed()


def _refuse(kind: object) -> NoReturn:
    raise ApiUnreachableError(f"an event of no known kind: {kind!r}")


def _end_by(error: ApiError) -> End:
    if not isinstance(error, ApiRefusedError):
        return "unreachable"
    return "expired" if error.status == _GONE else "refused"


def _within(limits: tuple[float, float]) -> float:
    return random.uniform(*limits)  # noqa: S311 - no secret, a herd
