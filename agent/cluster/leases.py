"""The Lease in which a node's state stands: what there is to know of a node, without metrics.

Written by merge patch, so that nothing has to be read first, what others have put onto it stays,
and two agents of one node (an update with surge) do not refuse each other. It is owned by its
Node, and goes with it. Once the Lease is there its owner is not written again: where
OwnerReferencesPermissionEnforcement is on (OpenShift), that takes the right to delete.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.lookup import text_at
from agent.cluster.node_identity import NodeIdentity
from agent.planning.fleet import DEFAULT_DURATION
from agent.planning.node_events import Told, told_by_lease
from agent.planning.node_state import REASON, STATE, NodeState

NAMESPACE = "registry-node-agent"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
NAME_PREFIX = "node-"

_NOT_FOUND, _CONFLICT = 404, 409


def lease_name(node: str) -> str:
    """The Lease of a node."""
    return f"{NAME_PREFIX}{node}"


def micro_time(moment: datetime) -> str:
    """As Kubernetes writes a MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class NodeLeases:
    """Reads and writes the Lease of one node at a time. Every method raises ApiError."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def told(self, node: NodeIdentity) -> Told:
        """What earlier agents of this node have told, by its Lease; nothing where there is none."""
        try:
            labels = self._api.get(_path(node)).get("metadata")
        except ApiRefusedError as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            return Told()
        return told_by_lease(
            state=text_at(labels, "labels", STATE), reason=text_at(labels, "labels", REASON)
        )

    def renew(self, node: NodeIdentity, state: NodeState, *, now: datetime) -> bool:
        """Let the Lease say this state, renewed now. Returns false when there is none."""
        try:
            self._api.patch(_path(node), _body(node, state, now))
        except ApiRefusedError as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            return False
        return True

    def create(self, node: NodeIdentity, state: NodeState, *, now: datetime) -> None:
        """Make the Lease; one that another agent of this node has just made is renewed."""
        try:
            self._api.create(LEASES, _new(node, _body(node, state, now)))
        except ApiRefusedError as refusal:
            if refusal.status != _CONFLICT or not self.renew(node, state, now=now):
                raise


def _path(node: NodeIdentity) -> str:
    return f"{LEASES}/{lease_name(node.name)}"


def _body(node: NodeIdentity, state: NodeState, now: datetime) -> dict[str, Any]:
    """The fields that are ours; null for a label or annotation that shall not be there."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"labels": state.labels, "annotations": state.annotations},
        "spec": {
            "holderIdentity": node.name,
            "leaseDurationSeconds": int(DEFAULT_DURATION.total_seconds()),
            "renewTime": micro_time(now),
        },
    }


def _new(node: NodeIdentity, body: Mapping[str, Any]) -> dict[str, Any]:
    """What is patched, as a whole object."""
    metadata: dict[str, Any] = {
        key: {name: text for name, text in values.items() if text is not None}
        for key, values in body["metadata"].items()
    }
    metadata |= {"name": lease_name(node.name), "namespace": NAMESPACE}
    if node.uid:
        metadata["ownerReferences"] = [node.reference]
    return {**body, "metadata": metadata}
