"""Reads what the fleet says of itself: Leases, Nodes, and whom the agent's DaemonSets select.

In pages: 5,000 Nodes are some 75 MB. What a page says is turned into our own small records before
the next is asked for. Nothing about the objects is taken for granted; what is odd is left empty.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent.cluster import leadership
from agent.cluster.api import Api
from agent.cluster.api_errors import ApiError, ApiRefusedError, problem_of
from agent.cluster.leases import LEASES, NAME_PREFIX, NAMESPACE
from agent.cluster.listing import every
from agent.cluster.lookup import documents_at, list_at, text_at, texts_at, value_at
from agent.cluster.objects import Document
from agent.errors import ClusterTrouble
from agent.planning.fleet import DEFAULT_DURATION, Fleet, LeaseRecord, NodeRecord, fleet_of
from agent.planning.node_selection import Expression, Selection, Term
from agent.planning.node_state import (
    CONFIG_SHA256,
    REASON,
    RUNTIME,
    STATE,
    TRUST_ANCHORS,
    TRUST_SHA256,
    VERSION,
    read_by_registry,
)
from agent.ports import Clock

NODES = "/api/v1/nodes"
DAEMON_SETS = f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets"

_AFFINITY = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
_DENIED, _NOT_FOUND = 403, 404


class FleetReader:
    """Reads the fleet, as far as the caller's account may."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    def read(self) -> Fleet:
        """The fleet as it is now. Raises ClusterTrouble."""
        try:
            return self._read()
        except ApiError as error:
            problem = problem_of(
                error, server=self._api.server, subject="Leases, Nodes, DaemonSets"
            )
            raise ClusterTrouble(problem) from error

    def _read(self) -> Fleet:
        fleet = fleet_of(
            leases=[record for item in every(self._api, LEASES) if (record := _lease(item))],
            nodes=[_node(item) for item in every(self._api, NODES)],
            selections=_selections(self._api),
            now=self._clock.now(),
        )
        return replace(fleet, trust=_trust(self._api))


def _selections(api: Api) -> list[Selection]:
    """Whom the DaemonSets here select; nothing where that may not be seen. Raises ApiError."""
    try:
        return [_selection(item) for item in every(api, DAEMON_SETS)]
    except ApiRefusedError as refusal:
        if refusal.status != _DENIED:
            raise
        return []


def _trust(api: Api) -> str:
    """Where the trust controller is, by its Lease; nothing where that may not be seen."""
    try:
        return text_at(api.get(leadership.PATH), "metadata", "annotations", leadership.PROGRESS)
    except ApiRefusedError as refusal:
        if refusal.status not in {_DENIED, _NOT_FOUND}:
            raise
        return ""


def _lease(document: Document) -> LeaseRecord | None:
    """A node's Lease; None where it is another one."""
    name = text_at(document, "metadata", "name")
    if not name.startswith(NAME_PREFIX):
        return None
    labels = texts_at(document, "metadata", "labels")
    annotations = texts_at(document, "metadata", "annotations")
    trusts = read_by_registry(annotations.get(TRUST_SHA256, "")).values()
    return LeaseRecord(
        node=name.removeprefix(NAME_PREFIX),
        state=labels.get(STATE, ""),
        reason=labels.get(REASON, ""),
        runtime=labels.get(RUNTIME, "").replace("_", " ", 1),
        version=labels.get(VERSION, ""),
        trust=tuple(sorted({trust for found in trusts for trust in found})),
        anchors=read_by_registry(annotations.get(TRUST_ANCHORS, "")),
        config_sha256=annotations.get(CONFIG_SHA256, ""),
        renewed=_moment(text_at(document, "spec", "renewTime")),
        duration=_duration(value_at(document, "spec", "leaseDurationSeconds")),
    )


def _node(document: Document) -> NodeRecord:
    conditions = documents_at(document, "status", "conditions")
    runtime = text_at(document, "status", "nodeInfo", "containerRuntimeVersion")
    return NodeRecord(
        name=text_at(document, "metadata", "name"),
        ready=any(
            condition.get("type") == "Ready" and condition.get("status") == "True"
            for condition in conditions
        ),
        runtime=runtime.replace("://", " ", 1),
        labels=texts_at(document, "metadata", "labels"),
    )


def _selection(document: Document) -> Selection:
    pod = value_at(document, "spec", "template", "spec")
    required = value_at(pod, *_AFFINITY)
    terms = documents_at(required, "nodeSelectorTerms")
    return Selection(
        node_selector=texts_at(pod, "nodeSelector"),
        terms=None if required is None else tuple(map(_term, terms)),
    )


def _term(document: Document) -> Term:
    return Term(
        labels=tuple(map(_expression, documents_at(document, "matchExpressions"))),
        fields=tuple(map(_expression, documents_at(document, "matchFields"))),
    )


def _expression(document: Document) -> Expression:
    return Expression(
        key=text_at(document, "key"),
        operator=text_at(document, "operator"),
        values=tuple(item for item in list_at(document, "values") if isinstance(item, str)),
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _duration(seconds: object) -> timedelta:
    if isinstance(seconds, int) and 0 < seconds < 2**31:  # an int32, by the API
        return timedelta(seconds=seconds)
    return DEFAULT_DURATION
