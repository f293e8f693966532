"""Publishes what the loop found: the node's Lease, and Events where something began or ended.

A thread of its own, so that no pass ever waits for the API server. Only the latest finding counts:
while the server is away, what came and went is not made up for afterwards, and what it says after
hours is what is so then. What a new process finds is published at once; what changes later is
published within seconds that a fleet does not share, for what one node finds all may have found
in the same moment. Without a change a sign of life goes out every ten minutes.

That the API server is out of reach is told only when that lasts though this thread reaches it.
Else, when it comes back, every node of a fleet would first write what is no longer true.
"""

import random
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from math import inf

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiError, problem_of
from agent.cluster.backoff import Backoff
from agent.cluster.events import create_event
from agent.cluster.leases import NAMESPACE, NodeLeases, lease_name
from agent.cluster.node_identity import NodeIdentity, find_identity
from agent.errors import Problem, Reason
from agent.planning.node_events import Told, notices_of
from agent.planning.node_state import NodeState
from agent.ports import Clock

SIGN_OF_LIFE_SECONDS = 600.0
CALM_SECONDS = 5.0
"""The least time between two Leases of one node: 5,000 that flap write 1,000 a second at most."""

SPREAD_SECONDS = 10.0
"""Within which a change is published, by Lease and Event: of a Service that changed, 5,000 nodes
tell 500 a second."""

DOUBT_SECONDS = 60.0
"""Longer than a watch takes to come back once the server is there."""

RETRY_SECONDS = 120.0
"""The bound of the back-off: nobody waits for a Lease as one waits for a watch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    state: NodeState
    problems: tuple[Problem, ...]

    @property
    def news(self) -> Hashable:
        """What a Lease shows of it, and what there are Events about."""
        return _shown(self.state), frozenset(problem.reason for problem in self.problems)

    @property
    def is_doubtful(self) -> bool:
        """Whether it says what whoever reads it in the API server may know better."""
        return any(problem.reason is Reason.API_UNREACHABLE for problem in self.problems)


@dataclass(slots=True, kw_only=True)
class _Trial:
    """Something that is tried until it succeeds. `complained` is the reason told when it failed."""

    subject: str
    backoff: Backoff = field(default_factory=lambda: Backoff(last_seconds=RETRY_SECONDS))
    not_before: float = 0.0
    complained: Reason | None = None


class NodeStatus:
    """Run it in a thread of its own; it returns soon after `stop` is set and `wake` was called.

    `say` gets the problem when publishing fails, once until it succeeds or fails for another
    reason.
    """

    def __init__(
        self,
        *,
        api: Api,
        node_name: str,
        clock: Clock,
        stop: threading.Event,
        say: Callable[[Problem], None],
    ) -> None:
        self._api = api
        self._leases = NodeLeases(api)
        self._node_name = node_name
        self._clock = clock
        self._stop = stop
        self._say = say
        self._news = threading.Event()
        self._latest: _Finding | None = None
        self._sure: _Finding | None = None
        self._contact_since: float | None = None
        self._node: NodeIdentity | None = None
        self._told = Told()
        self._written: Hashable = None
        self._known_news: Hashable = None
        self._news_at: float | None = None
        self._next_sign = self._calm_until = 0.0
        self._contact = _Trial(subject="the API server")
        self._lease = _Trial(subject=f"Lease {NAMESPACE}/{lease_name(node_name)}")
        self._events = _Trial(subject=f"Events about Node {node_name}")

    def publish(self, state: NodeState, problems: tuple[Problem, ...]) -> None:
        """Let this be what the node is found to be. Never waits; may be called by any thread."""
        self._latest = _Finding(state=state, problems=problems)
        self._news.set()

    def wake(self) -> None:
        """Look at `stop`."""
        self._news.set()

    def run(self) -> None:
        """Publish until stopped."""
        while not self._stop.is_set():
            self._news.clear()
            seconds = self.step()
            self._news.wait(None if seconds == inf else seconds)

    def step(self) -> float:
        """Do what is due. Returns in how many seconds to come again, if nothing is published."""
        latest = self._latest
        if latest is None:
            return inf
        if not latest.is_doubtful:
            self._sure, self._contact_since = latest, None
            return self._publish(latest)
        seconds = self._try(self._contact, self._doubt)
        if seconds == 0.0 and self._contact_since is not None:
            return self._publish(latest)
        return min(seconds, self._publish(self._sure) if self._sure else inf)

    def _publish(self, finding: _Finding) -> float:
        seconds = self._seconds_to_news(finding.news)
        if seconds > 0.0:
            return seconds
        self._known_news = finding.news
        return min(
            self._try(self._lease, lambda: self._write(finding.state)),
            self._try(self._events, lambda: self._tell(finding)),
        )

    def _seconds_to_news(self, news: Hashable) -> float:
        """For how long what has changed is kept back yet."""
        now = self._clock.monotonic()
        if self._known_news in {None, news}:
            self._news_at = None
            return 0.0
        if self._news_at is None:
            self._news_at = now + random.uniform(0.0, SPREAD_SECONDS)  # noqa: S311 - a herd
        return max(0.0, self._news_at - now)

    def _try(self, trial: _Trial, action: Callable[[], float]) -> float:
        """Seconds until to try again, or until there is something to do again."""
        now = self._clock.monotonic()
        if now < trial.not_before:
            return trial.not_before - now
        try:
            seconds = action()
        except ApiError as error:
            seconds = trial.backoff.after(error)
            trial.not_before = self._clock.monotonic() + seconds
            self._complain(trial, error)
        else:
            trial.backoff.succeeded()
            trial.complained = None
        return seconds

    def _complain(self, trial: _Trial, error: ApiError) -> None:
        problem = problem_of(error, server=self._api.server, subject=trial.subject)
        known = {trial.complained}
        if problem.reason is Reason.API_UNREACHABLE:  # one problem, whatever was to be done
            self._contact_since = None
            known |= {other.complained for other in (self._contact, self._lease, self._events)}
        if problem.reason not in known:
            self._say(problem)
        trial.complained = problem.reason

    def _doubt(self) -> float:
        """For how long a doubtful finding is kept back yet, in contact with the server."""
        if self._contact_since is None:
            self._leases.told(self._known_node())
            self._contact_since = self._clock.monotonic()
        return max(0.0, self._contact_since + DOUBT_SECONDS - self._clock.monotonic())

    def _write(self, state: NodeState) -> float:
        now = self._clock.monotonic()
        shown = _shown(state)
        due = self._next_sign if shown == self._written else self._calm_until
        if now < due:
            return due - now
        self._renew(state)
        self._written = shown
        now = self._clock.monotonic()
        self._calm_until = now + _spread(CALM_SECONDS, by=0.5)
        self._next_sign = now + _spread(SIGN_OF_LIFE_SECONDS, by=0.1)
        return self._next_sign - now

    def _renew(self, state: NodeState) -> None:
        node = self._known_node()
        if self._leases.renew(node, state, now=self._clock.now()):
            return
        # Its Node may have gone, and the Lease with it: the one of today has another uid.
        self._node = node = find_identity(self._api, node_name=self._node_name)
        self._leases.create(node, state, now=self._clock.now())

    def _known_node(self) -> NodeIdentity:
        if self._node is None:
            node = find_identity(self._api, node_name=self._node_name)
            self._told = self._leases.told(node)
            self._node = node
        return self._node

    def _tell(self, finding: _Finding) -> float:
        """Make the Events that are due."""
        node = self._known_node()
        notices = notices_of(finding.state, finding.problems)
        self._told = self._told.among(notices)
        next_seconds = inf
        for notice in notices:
            seconds = self._told.due(notice, now=self._clock.monotonic())
            if seconds == 0.0:
                create_event(self._api, node, notice, now=self._clock.now())
                self._told = self._told.with_one_more(notice, now=self._clock.monotonic())
            elif seconds is not None:
                next_seconds = min(next_seconds, seconds)
        return next_seconds


def _shown(state: NodeState) -> Hashable:
    """What a Lease shows of it."""
    return (*sorted(state.labels.items()), *sorted(state.annotations.items()))


def _spread(seconds: float, *, by: float) -> float:
    return seconds * random.uniform(1 - by, 1 + by)  # noqa: S311 - no secret, a herd
