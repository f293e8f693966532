"""Which of the trust controller's replicas works: the one that holds the Lease `issuer`.

The official client has an election too, but it is made of the typed models, which the image leaves
out (`lean_client`). This one keeps the same Lease in the same way, so that `kubectl` and people
read it as they are used to.

A holder that cannot renew stops believing in itself before another one may take over. Writes of
somebody who was held up in between are refused all the same: each is guarded by what was seen.
"""

import random
import threading
from collections.abc import Callable
from math import inf
from typing import Any

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.asking import asking
from agent.cluster.leases import micro_time
from agent.cluster.lookup import text_at, value_at
from agent.cluster.objects import PREFIX, Document
from agent.errors import ChangedMeanwhile, ClusterTrouble, Problem
from agent.planning.election import USUAL, IssuerLease, Sighting, Timing
from agent.planning.stored_objects import MANAGED_BY, OURSELVES
from agent.ports import Clock

NAMESPACE, NAME = "registry-trust", "issuer"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
PATH = f"{LEASES}/{NAME}"
PHASE, PROGRESS = PREFIX + "phase", PREFIX + "progress"

SPREAD = 0.2
"""Of each pause, so that two rivals do not keep step."""

READ_SECONDS = 3.0
"""Of its `api`: one answer that never comes must not cost the Lease."""

_SUBJECT = f"Lease {NAMESPACE}/{NAME}"
_NOT_FOUND = 404


class Leadership:
    """One candidate, in a thread of its own. Every method may be called by any thread."""

    def __init__(
        self,
        api: Api,
        *,
        identity: str,
        clock: Clock,
        changed: Callable[[], None],
        timing: Timing = USUAL,
    ) -> None:
        """`identity` is no other process's, not even of an earlier one of this pod."""
        self._api = api
        self._identity = identity
        self._clock = clock
        self._changed = changed
        self._timing = timing
        self._over = threading.Event()
        self._thread = threading.Thread(name="leadership", target=self._run, daemon=True)
        self._seen: Sighting | None = None
        self._until = -inf
        self._told: dict[str, str] = {}
        self.problem: Problem | None = None
        """Why the Lease could not be read or written the last time."""

    @property
    def is_leader(self) -> bool:
        """Whether this process is the one that works, now."""
        return self._clock.monotonic() < self._until

    def tell(self, *, phase: str, progress: str) -> None:
        """Let the Lease say this from its next renewal on, while it is ours."""
        self._told = {PHASE: phase, PROGRESS: progress}

    def start(self) -> None:
        """Begin to try; `changed` is called when it was won or is lost."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and let another one take over at once. What is under way has to be over."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.is_leader:
            self._until = -inf
            self._release()

    def tend(self) -> float:
        """Win the Lease, renew it, or look whose it is. The seconds until that is due again."""
        was_leader = self.is_leader
        try:
            with asking(self._api, _SUBJECT):
                self._try()
        except ClusterTrouble as trouble:
            self.problem = trouble.problem
            return self._pause(self._timing.retry)
        except ChangedMeanwhile:
            return self._pause(self._timing.retry)
        finally:
            if self.is_leader is not was_leader:
                self._changed()
        self.problem = None
        return self._pause(self._timing.renew if self.is_leader else self._timing.retry)

    def _run(self) -> None:
        while not self._over.is_set():
            self._over.wait(self.tend())

    def _pause(self, seconds: float) -> float:
        return seconds * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - no secret, two rivals

    def _try(self) -> None:
        """Raises ApiError."""
        began = self._clock.monotonic()
        document = self._found()
        if document is None:
            labels = {MANAGED_BY: OURSELVES}
            metadata = {"name": NAME, "namespace": NAMESPACE, "labels": labels}
            self._api.create(LEASES, self._body(metadata, transitions=0, is_new=True))
        else:
            lease = _read(document)
            now = self._clock.monotonic()
            last = self._seen or Sighting(lease=lease, since=now)
            self._seen = last.again(lease, now=now)
            if not self._seen.is_free(identity=self._identity, now=now):
                self._until = -inf
                return
            is_new = lease.holder != self._identity
            metadata = {"resourceVersion": text_at(document, "metadata", "resourceVersion")}
            transitions = lease.transitions + is_new
            self._api.patch(PATH, self._body(metadata, transitions=transitions, is_new=is_new))
        self._until = began + self._timing.deadline

    def _found(self) -> Document | None:
        try:
            return self._api.get(PATH)
        except ApiRefusedError as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            return None

    def _body(self, metadata: dict[str, Any], *, transitions: int, is_new: bool) -> dict[str, Any]:
        now = micro_time(self._clock.now())
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._timing.duration,
            "renewTime": now,
            "leaseTransitions": transitions,
        }
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {**metadata, "annotations": self._told},
            "spec": {**spec, **({"acquireTime": now} if is_new else {})},
        }

    def _release(self) -> None:
        """Where that cannot be said, the others wait for as long as the Lease lasts."""
        try:
            with asking(self._api, _SUBJECT):
                document = self._found()
                if document is None or _read(document).holder != self._identity:
                    return
                metadata = {"resourceVersion": text_at(document, "metadata", "resourceVersion")}
                spec = {"holderIdentity": None, "renewTime": micro_time(self._clock.now())}
                self._api.patch(PATH, {"metadata": metadata, "spec": spec})
        except ClusterTrouble as trouble:
            self.problem = trouble.problem
        except ChangedMeanwhile:
            return


def _read(document: Document) -> IssuerLease:
    return IssuerLease(
        holder=text_at(document, "spec", "holderIdentity"),
        renewed=text_at(document, "spec", "renewTime"),
        transitions=_number(document, "leaseTransitions"),
        duration_seconds=_number(document, "leaseDurationSeconds"),
    )


def _number(document: Document, field: str) -> int:
    value = value_at(document, "spec", field)
    return value if isinstance(value, int) else 0
