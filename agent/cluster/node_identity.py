"""Which node this agent speaks for, and that Node's uid, by the API server's own word.

A pod's token is bound to its Node (Kubernetes >= 1.30): the API server names both to whoever asks
who he is, and no right on Nodes is needed. A person's kubeconfig is bound to none; then the Node
is looked up by the name in the settings, as far as that is allowed.
"""

from dataclasses import dataclass
from urllib.parse import quote

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.lookup import list_at, text_at
from agent.cluster.objects import Document

REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
NODE_NAME = "authentication.kubernetes.io/node-name"
NODE_UID = "authentication.kubernetes.io/node-uid"

_NOT_FOR_US = frozenset({403, 404})
_REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """A Node. `uid` is empty where it cannot be known."""

    name: str
    uid: str

    @property
    def reference(self) -> dict[str, str]:
        """The Node as an object that another one refers to."""
        return {"apiVersion": "v1", "kind": "Node", "name": self.name, "uid": self.uid}


def find_identity(api: Api, *, node_name: str) -> NodeIdentity:
    """The Node of our token; else the one of this name. Raises ApiError.

    What we may not ask, or is not there to be asked, has no answer; whatever else is refused may
    be answered later, and an identity that was only guessed would stay.
    """
    review = _asked(api)
    name, uid = _extra(review, NODE_NAME), _extra(review, NODE_UID)
    return NodeIdentity(name=name or node_name, uid=uid or _uid_of(api, name or node_name))


def _asked(api: Api) -> Document:
    try:
        return api.create(REVIEWS, _REVIEW)
    except ApiRefusedError as refusal:
        if refusal.status not in _NOT_FOR_US:
            raise
        return {}


def _extra(review: Document, key: str) -> str:
    values = list_at(review, "status", "userInfo", "extra", key)
    return values[0] if values and isinstance(values[0], str) else ""


def _uid_of(api: Api, name: str) -> str:
    try:
        return text_at(api.get(f"/api/v1/nodes/{quote(name, safe='')}"), "metadata", "uid")
    except ApiRefusedError as refusal:
        if refusal.status not in _NOT_FOR_US:
            raise
        return ""
