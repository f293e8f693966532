"""Kubernetes Events about the Node, as `kubectl describe node` shows them.

Each is an object of its own, made once: what repeats is kept back before it gets here, so there is
nothing to count up, and no right is needed but to create.
"""

import uuid
from datetime import datetime

from agent.cluster.api import Api
from agent.cluster.leases import micro_time
from agent.cluster.node_identity import NodeIdentity
from agent.planning.node_events import Notice

NAMESPACE = "default"
"""Where the API server wants the Events of what has no namespace."""

EVENTS = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
CONTROLLER = "registry-node-agent.internal/agent"
ACTION = "Reconcile"

_INSTANCE_LENGTH = 128


def create_event(api: Api, node: NodeIdentity, notice: Notice, *, now: datetime) -> None:
    """Make one Event. Raises ApiError.

    Where the Node's uid is not known, its name stands for it, as in the kubelet's own Events:
    `kubectl describe node` looks for both.
    """
    api.create(
        EVENTS,
        {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"registry-node-agent.{uuid.uuid4()}", "namespace": NAMESPACE},
            "eventTime": micro_time(now),
            "reportingController": CONTROLLER,
            "reportingInstance": node.name[:_INSTANCE_LENGTH],
            "action": ACTION,
            "reason": notice.reason,
            "note": notice.note,
            "type": "Warning" if notice.warning else "Normal",
            "regarding": {**node.reference, "uid": node.uid or node.name},
        },
    )
