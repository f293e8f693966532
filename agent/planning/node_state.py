"""One word for a node, as its Lease shows it: what an outcome comes to, for people and selectors.

Kubernetes bounds what a Lease may carry: a label's value has 63 characters of a few kinds, all
annotations together 256 KiB. What does not fit is cut here, so that the API server never refuses
a state for its form.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from agent.errors import Problem, Reason
from agent.planning.outcome import Outcome, RegistryStatus
from agent.planning.removal import Removal

PREFIX = "registry-node-agent.internal/"
STATE, REASON, RUNTIME, VERSION = (
    PREFIX + name for name in ("state", "reason", "runtime", "version")
)
TRUST_SHA256, TRUST_ANCHORS, CONFIG_SHA256 = (
    PREFIX + name for name in ("trust-sha256", "trust-anchors", "config-sha256")
)
MAX_LABEL_LENGTH = 63
MAX_ANNOTATION_LENGTH = 200 * 1024
"""Of `trust-anchors`, the only long one: 32 registries of 64 anchors each have 140 KiB."""

_NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9_.-]")
_ENDS = "_.-"


class State(StrEnum):
    """The states, worst first.

    degraded: something does not work, and is tried again. refused: what is asked for, or what
    stands on the node, breaks a rule, and somebody must mend it. unsupported: there is no runtime
    here that can be configured. needs-restart, needs-reload: the files are there, the runtime
    will read them only then. held: a change is held back, what works stays. removed: put back.
    """

    DEGRADED = "degraded"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    NEEDS_RESTART = "needs-restart"
    NEEDS_RELOAD = "needs-reload"
    HELD = "held"
    REMOVED = "removed"
    OK = "ok"


_RANK = {state: number for number, state in enumerate(State)}
_REASONS: Mapping[State, frozenset[Reason]] = {
    State.REFUSED: frozenset(
        {
            Reason.BAD_MANIFEST,
            Reason.DUPLICATE_OBJECT,
            Reason.BAD_NAME,
            Reason.BAD_LABEL,
            Reason.TOO_MANY_REGISTRIES,
            Reason.EXTERNAL_NAME,
            Reason.HEADLESS,
            Reason.BAD_ADDRESS,
            Reason.NO_IPV4_ADDRESS,
            Reason.NO_PORT,
            Reason.PLAIN_HTTP_PORT,
            Reason.AMBIGUOUS_PORT,
            Reason.BUNDLE_MALFORMED,
            Reason.BUNDLE_EMPTY,
            Reason.BUNDLE_TOO_LARGE,
            Reason.BUNDLE_HAS_PRIVATE_KEY,
            Reason.BUNDLE_HAS_LEAF,
            Reason.BUNDLE_EXPIRED,
            Reason.ALL_ANCHORS_REVOKED,
            Reason.RUNTIME_CONFIG_BROKEN,
            Reason.LEGACY_MIRRORS,
            Reason.CONFIG_GENERATED,
            Reason.REGISTRIES_CONF_BROKEN,
            Reason.USER_REGISTRIES_CONF,
            Reason.PREFIX_TAKEN,
            Reason.HOST_TAKEN,
            Reason.SHADOWED,
            Reason.SYMLINK_REFUSED,
            Reason.CHANGED_BY_OTHERS,
            Reason.CLASSIC_IMAGE_STORE,
            Reason.INSECURE_REGISTRY,
        }
    ),
    State.UNSUPPORTED: frozenset({Reason.NO_RUNTIME_FOUND, Reason.UNSUPPORTED_NODE}),
    State.NEEDS_RESTART: frozenset(
        {Reason.CONFIG_PATH_UNSET, Reason.NEEDS_RESTART, Reason.PREFLIGHT_FAILED}
    ),
    State.NEEDS_RELOAD: frozenset({Reason.NEEDS_RELOAD}),
    State.HELD: frozenset({Reason.HELD}),
}
"""Every other reason makes a node degraded."""

_STATES = {reason: state for state, reasons in _REASONS.items() for reason in reasons}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What a node's Lease says of it.

    `reason` is that of the worst problem; None when there is none. `runtime` is its kind and
    version, empty while unknown; `version` is the agent's own.
    """

    state: State
    reason: Reason | None
    runtime: str
    version: str
    registries: tuple[RegistryStatus, ...] = ()

    @property
    def labels(self) -> dict[str, str | None]:
        """Labels of the Lease, to select by; None for one that shall not be there."""
        texts = {
            STATE: self.state.value,
            REASON: self.reason.value if self.reason else "",
            RUNTIME: self.runtime,
            VERSION: self.version,
        }
        return {name: label_value(text) or None for name, text in texts.items()}

    @property
    def annotations(self) -> dict[str, str | None]:
        """Annotations of the Lease, for the trust controller and for `fleet`."""
        trusts = {str(item.registry): [item.trust_sha256] for item in self._configured()}
        anchors = {str(item.registry): item.anchors for item in self._configured()}
        return {
            TRUST_SHA256: by_registry(trusts) or None,
            TRUST_ANCHORS: by_registry(anchors) or None,
            CONFIG_SHA256: self._config_sha256() or None,
        }

    def _configured(self) -> Iterator[RegistryStatus]:
        return (item for item in self.registries if item.endpoint is not None)

    def _config_sha256(self) -> str:
        """What pulls go by, in one value: equal on all nodes that pull alike, whatever runtime."""
        routes = sorted(
            f"{host} {item.endpoint.url} {item.trust_sha256}\n"
            for item in self._configured()
            if item.endpoint is not None
            for host in item.hosts
        )
        return sha256("".join(routes).encode()).hexdigest() if routes else ""


def state_of(problem: Problem) -> State:
    """What a node is called that has this problem and no other."""
    return _STATES.get(problem.reason, State.DEGRADED)


def rank(state: State) -> int:
    """Its place in the order, worst first, from 0."""
    return _RANK[state]


def node_state(outcome: Outcome, *, version: str) -> NodeState:
    """What a pass comes to. Of several problems the worst leads, of equal ones the first."""
    lead = min(outcome.problems, key=lambda problem: rank(state_of(problem)), default=None)
    return NodeState(
        state=state_of(lead) if lead else State.OK,
        reason=lead.reason if lead else None,
        runtime=outcome.runtime,
        version=version,
        registries=outcome.registries,
    )


def troubled_state(problem: Problem, *, version: str) -> NodeState:
    """What a node comes to where nothing but this problem is known."""
    return NodeState(state=state_of(problem), reason=problem.reason, runtime="", version=version)


def removed_state(removal: Removal, *, version: str) -> NodeState:
    """What a node comes to when it was put back; the reason tells of what others keep there."""
    reason = removal.left[0].reason if removal.left else None
    return NodeState(state=State.REMOVED, reason=reason, runtime="", version=version)


def label_value(text: str) -> str:
    """The text as a label may carry it; empty when nothing of it can be said there."""
    plain = _NOT_IN_LABELS.sub("_", text).lstrip(_ENDS)
    return plain[:MAX_LABEL_LENGTH].rstrip(_ENDS)


def by_registry(values: Mapping[str, Iterable[str]]) -> str:
    """`registry/knative=a,b registry/builds=a`: what an annotation says of each registry.

    Registries beyond what an annotation may hold are left out: of those nothing is known, then.
    """
    text = ""
    for registry, items in sorted(values.items()):
        longer = f"{text} {registry}={','.join(items)}".lstrip()
        if len(longer) <= MAX_ANNOTATION_LENGTH:
            text = longer
    return text


def read_by_registry(text: str) -> dict[str, tuple[str, ...]]:
    """Back from what `by_registry` wrote; words that are not of that form are passed over."""
    pairs = (word.partition("=") for word in text.split())
    return {registry: tuple(items.split(",")) for registry, equals, items in pairs if equals}
