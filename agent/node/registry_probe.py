"""The way from this node to a registry, tried as the node's runtime would go it.

TCP to the ClusterIP, TLS towards the bare address, `GET /v2/`, and the token realm of a 401. The
verdict that decides is the runtime's: the bundle plus the node's own roots. The bundle alone is
tried first, because it nearly always suffices and spares reading the roots; when it does not, its
own verdict is reported beside the other.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom

from agent.errors import Reason
from agent.node.attempt import Attempt, BlockedError, Site
from agent.node.system_roots import system_roots
from agent.node.token_realm import check_challenges
from agent.planning.evidence import ProbeResult, ProbeStep
from agent.planning.model import Route

OK = 200
UNAUTHORIZED = 401

WAY = (ProbeStep.TCP, ProbeStep.TLS, ProbeStep.API)


def _up_to_two_seconds() -> float:
    return SystemRandom().uniform(0, 2)


class RegistryProbe:
    """Satisfies `ports.Probe`. Safe to use from several threads: it keeps nothing."""

    def __init__(
        self,
        host_root: Path,
        stop: threading.Event,
        *,
        connect_seconds: float = 3,
        attempt_seconds: float = 5,
        retry_after: Callable[[], float] = _up_to_two_seconds,
    ) -> None:
        self._host_root = host_root
        self._stop = stop
        self._connect_seconds = connect_seconds
        self._attempt_seconds = attempt_seconds
        self._retry_after = retry_after

    def probe(self, route: Route) -> ProbeResult:
        """Try the way; after a timeout once more, because one lost packet must hold nothing.

        Never raises for what it meets. Takes at most two attempts, 5 s each, and the wait between
        them, for the loop waits for it. When the agent is told to stop, the wait ends early, with
        the first result; and what has not begun is not tried, which says nothing of the registry.
        """
        if self._stop.is_set():
            return _not_tried()
        result = self._try(route)
        if result.reason is Reason.TIMEOUT and not self._stop.wait(self._retry_after()):
            return self._try(route)
        return result

    def _try(self, route: Route) -> ProbeResult:
        attempt = Attempt(
            connect_seconds=self._connect_seconds, total_seconds=self._attempt_seconds
        )
        site = _site(route)
        strict_reason: Reason | None = None
        roots: tuple[bytes, ...] = ()
        try:
            try:
                connection = attempt.secure(site, route.ders)
            except BlockedError as blocked:
                if blocked.reason is not Reason.UNKNOWN_AUTHORITY:
                    raise
                strict_reason = blocked.reason
                roots = system_roots(self._host_root)
                connection = attempt.secure(site, route.ders, roots)
            with connection:
                answer = attempt.get(connection, site, "/v2/")
            if answer.status == UNAUTHORIZED:
                roots = roots or system_roots(self._host_root)
                detail = check_challenges(attempt, answer.challenges, route.ders, roots)
            elif answer.status == OK:
                detail = ""
            else:
                refusal = f"GET {route.endpoint.url}/v2/ answers {answer.status}"
                raise BlockedError(ProbeStep.API, Reason.HTTP_ERROR, refusal)  # noqa: TRY301
        except BlockedError as blocked:
            return ProbeResult(
                reached=frozenset(WAY[: WAY.index(blocked.step)]),
                reason=blocked.reason,
                detail=blocked.detail,
                strict_reason=strict_reason or blocked.reason,
            )
        return ProbeResult(reached=frozenset(WAY), detail=detail, strict_reason=strict_reason)


def _not_tried() -> ProbeResult:
    reason = Reason.TIMEOUT
    return ProbeResult(
        reached=frozenset(), reason=reason, detail="the agent is ending", strict_reason=reason
    )


def _site(route: Route) -> Site:
    address = str(route.endpoint.address)
    return Site(
        name=address,
        port=route.endpoint.port,
        addresses=(address,),
        authority=route.endpoint.url.removeprefix("https://"),
    )
