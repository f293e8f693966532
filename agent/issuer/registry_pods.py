"""Lets a registry serve a new certificate at once: a note on its pods wakes their kubelet."""

from datetime import datetime, timedelta

from agent.errors import Problem
from agent.issuer import serving_secret
from agent.issuer.look import Seen
from agent.planning.published_bundle import fingerprint, read_moment
from agent.planning.stored_objects import SecretObject
from agent.trust_ports import PodNotes

NOTED_FOR = timedelta(minutes=10)
"""From when on a kubelet has read it anyway: it looks every minute or two."""


class RegistryPods:
    """A duty of the trust controller."""

    def __init__(self, notes: PodNotes) -> None:
        self._notes = notes

    def settle(self, seen: Seen) -> tuple[Problem, ...]:
        """Note a certificate that is new. Raises ClusterTrouble and ChangedMeanwhile."""
        for item in seen.services:
            secret = seen.secrets.get(item.service.registry.namespace)
            if secret is not None and _is_new(secret, now=seen.now):
                sha256 = fingerprint(secret.data.get(serving_secret.CERTIFICATE_KEY, b""))
                self._notes.note_certificate(
                    secret.namespace, selector=item.selector, sha256=sha256
                )
        return ()


def _is_new(secret: SecretObject, *, now: datetime) -> bool:
    written_at = read_moment(secret.annotations.get(serving_secret.WRITTEN_AT, ""))
    return written_at is not None and now < written_at + NOTED_FOR
