"""Writes onto a registry's pods which certificate their Secret holds now.

A kubelet looks at the volumes of a pod again when the pod changes, and else once in a minute or
two: with the note the new certificate is served within seconds.
"""

from collections.abc import Mapping

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.asking import asking
from agent.cluster.listing import every
from agent.cluster.lookup import text_at, texts_at
from agent.cluster.objects import PREFIX

CERTIFICATE = PREFIX + "certificate"

_NOT_FOUND = 404
_OVER = frozenset({"Succeeded", "Failed"})


class PodNotes:
    """Raises ClusterTrouble, and ChangedMeanwhile."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def note_certificate(
        self, namespace: str, *, selector: Mapping[str, str], sha256: str
    ) -> tuple[str, ...]:
        """Let every running pod that is selected say this. Returns the names of those that did not.

        An empty selector selects no pod: such a Service has endpoints that somebody else keeps.
        """
        if not selector:
            return ()
        path = f"/api/v1/namespaces/{namespace}/pods"
        labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
        noted = []
        with asking(self._api, f"Pods in {namespace}"):
            for pod in list(every(self._api, path, {"labelSelector": labels})):
                name = text_at(pod, "metadata", "name")
                is_over = text_at(pod, "status", "phase") in _OVER
                is_going = bool(text_at(pod, "metadata", "deletionTimestamp"))
                is_noted = texts_at(pod, "metadata", "annotations").get(CERTIFICATE) == sha256
                if not (is_over or is_going or is_noted) and self._note(f"{path}/{name}", sha256):
                    noted.append(name)
        return tuple(noted)

    def _note(self, path: str, sha256: str) -> bool:
        """Returns false for a pod that is gone meanwhile."""
        try:
            self._api.patch(path, {"metadata": {"annotations": {CERTIFICATE: sha256}}})
        except ApiRefusedError as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            return False
        return True
