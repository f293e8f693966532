"""Our ClusterTrustBundle, where the API server has such objects: v1 from Kubernetes 1.37 on.

v1beta1 is there from 1.33 to 1.39, off by default. An API server can learn either while we run.
"""

from typing import Any

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.asking import asking, patch_as_seen
from agent.cluster.lookup import documents_at, text_at, texts_at
from agent.cluster.objects import CLUSTER_TRUST_BUNDLE
from agent.errors import BadInput, Problem, Reason
from agent.planning.signing_request import SIGNER
from agent.planning.stored_objects import MANAGED_BY, OURSELVES, ClusterBundleObject
from agent.ports import Clock

GROUP = "/apis/certificates.k8s.io"
NAME = f"{SIGNER.replace('/', ':')}:registry"
"""The API server wants a name that begins with that of the signer."""

LOOK_AGAIN_SECONDS = 300.0

_SUBJECT = f"ClusterTrustBundle {NAME}"
_VERSIONS = ("v1", "v1beta1")
_RESOURCE = "clustertrustbundles"
_NOT_FOUND = 404


class ClusterBundle:
    """Each method raises ClusterTrouble; a write ChangedMeanwhile too, and BadInput."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._version = ""
        self._look_at: float | None = None

    def is_served(self) -> bool:
        """Whether the API server has such objects: asked anew every few minutes."""
        now = self._clock.monotonic()
        if self._look_at is None or now >= self._look_at:
            with asking(self._api, "certificates.k8s.io"):
                self._version = next(filter(self._serves, _VERSIONS), "")
            self._look_at = now + LOOK_AGAIN_SECONDS
        return bool(self._version)

    def read(self) -> ClusterBundleObject | None:
        """The bundle as it is now; None where there is none, or no such objects at all."""
        if not self.is_served():
            return None
        with asking(self._api, _SUBJECT):
            try:
                return _bundle(self._api.get(f"{self._path}/{NAME}"))
            except ApiRefusedError as refusal:
                if refusal.status != _NOT_FOUND:
                    raise
                self._look_at = None  # the kind may be gone too
                return None

    def put(self, pem: str, *, over: ClusterBundleObject | None) -> ClusterBundleObject:
        """Let it be these certificates, where `over` is what was seen. Only while it is served.

        Returns it as it is now. Raises BadInput (name-taken) where `over` is not ours.
        """
        if over is not None and not over.is_ours:
            detail = "somebody else's object has this name, and is left alone"
            raise BadInput(Problem(reason=Reason.NAME_TAKEN, where=_SUBJECT, detail=detail))
        self.is_served()
        body: dict[str, Any] = {"spec": {"trustBundle": pem}}
        with asking(self._api, _SUBJECT):
            if over is not None:
                body["metadata"] = {"resourceVersion": over.version}
                return _bundle(patch_as_seen(self._api, f"{self._path}/{NAME}", body))
            body["metadata"] = {"name": NAME, "labels": {MANAGED_BY: OURSELVES}}
            body["spec"]["signerName"] = SIGNER
            body |= {
                "apiVersion": f"certificates.k8s.io/{self._version}",
                "kind": CLUSTER_TRUST_BUNDLE,
            }
            return _bundle(self._api.create(self._path, body))

    @property
    def _path(self) -> str:
        return f"{GROUP}/{self._version}/{_RESOURCE}"

    def _serves(self, version: str) -> bool:
        try:
            resources = documents_at(self._api.get(f"{GROUP}/{version}"), "resources")
        except ApiRefusedError as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            return False
        return any(resource.get("name") == _RESOURCE for resource in resources)


def _bundle(document: object) -> ClusterBundleObject:
    return ClusterBundleObject(
        pem=text_at(document, "spec", "trustBundle"),
        labels=texts_at(document, "metadata", "labels"),
        version=text_at(document, "metadata", "resourceVersion"),
    )
