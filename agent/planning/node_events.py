"""Which transitions of a node are worth a Kubernetes Event, and when.

An Event tells a person who looks at the node what began there; it drives nothing and goes after an
hour. So: one when a reason appears, one when all is well again, and of each at most one a minute,
however fast a registry comes and goes. What was kept back is told when its minute is over, if it
is still so: the last Event never says other than what is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agent.errors import Problem, Reason
from agent.planning.node_state import NodeState, State
from agent.planning.outcome import RegistryStatus
from agent.planning.secrets import redact_words

IN_SYNC, REMOVED = "RegistryInSync", "RegistryRemoved"
MAX_NOTE_BYTES = 1024
"""As the API server has it for events.k8s.io/v1."""

MINUTE_SECONDS = 60.0

_EXPECTED = frozenset({Reason.WITHDRAWAL_PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What an Event would say. `reason` is its CamelCase name."""

    reason: str
    note: str
    warning: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the Events of this node say now, and when each reason was last told, monotonic."""

    standing: frozenset[str] = frozenset()
    at_seconds: Mapping[str, float] = field(default_factory=dict)

    def among(self, notices: Iterable[Notice]) -> "Told":
        """Without what is no longer so: it is told again when it comes back."""
        return replace(self, standing=self.standing & {notice.reason for notice in notices})

    def with_one_more(self, notice: Notice, *, now: float) -> "Told":
        """After an Event was made."""
        return Told(
            standing=self.standing | {notice.reason},
            at_seconds={**self.at_seconds, notice.reason: now},
        )

    def due(self, notice: Notice, *, now: float) -> float | None:
        """In how many seconds to tell it, 0 for now; None when it is told already."""
        if notice.reason in self.standing:
            return None
        last = self.at_seconds.get(notice.reason)
        return 0.0 if last is None else max(0.0, last + MINUTE_SECONDS - now)


def told_by_lease(*, state: str, reason: str) -> Told:
    """What an earlier process of this node has told, by the labels of its Lease."""
    by_label = {item.value: item.event for item in Reason}
    of_state = {State.OK.value: IN_SYNC, State.REMOVED.value: REMOVED}
    return Told(standing=frozenset({of_state.get(state, ""), by_label.get(reason, "")} - {""}))


def notices_of(state: NodeState, problems: Iterable[Problem]) -> tuple[Notice, ...]:
    """What there is to tell of a node: one notice per reason, or that all is well."""
    by_reason: dict[Reason, list[Problem]] = {}
    for problem in problems:
        by_reason.setdefault(problem.reason, []).append(problem)
    told = tuple(_problem_notice(reason, found) for reason, found in by_reason.items())
    if state.state is State.REMOVED:
        note = "the node is as it was before the agent"
        return (Notice(reason=REMOVED, note=note, warning=False), *told)
    if told:
        return told
    note = "; ".join(map(_pulled_from, state.registries)) or "no registry is asked for"
    return (Notice(reason=IN_SYNC, note=shorten(note), warning=False),)


def _problem_notice(reason: Reason, problems: list[Problem]) -> Notice:
    more = f" (and {len(problems) - 1} more of this reason)" if len(problems) > 1 else ""
    first = redact_words(str(problems[0]))
    return Notice(
        reason=reason.event,
        note=shorten(first, limit=MAX_NOTE_BYTES - len(more)) + more,
        warning=reason not in _EXPECTED,
    )


def _pulled_from(status: RegistryStatus) -> str:
    endpoint = status.endpoint.url if status.endpoint else "nowhere yet"
    return f"{status.registry} is pulled from {endpoint}, trust {status.trust_sha256[:12]}"


def shorten(text: str, *, limit: int = MAX_NOTE_BYTES) -> str:
    """At most so many bytes of UTF-8, cut in the middle: the end often says most."""
    content = text.encode(errors="backslashreplace")
    if len(content) <= limit:
        return content.decode()
    half = (limit - len(" ... ")) // 2
    return f"{content[:half].decode(errors='ignore')} ... {content[-half:].decode(errors='ignore')}"
