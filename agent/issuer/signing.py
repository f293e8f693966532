"""Answers requests to our signer: approves those of a registry itself, signs what was approved.

Whoever is a registry's own service account gets a certificate for its Services, if it asks for just
them. Everybody else has to be approved by a person, and even so gets none for another name, nor
for a Service that was not asked for: what is signed is what was approved.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from agent.errors import BadInput, Problem, Reason
from agent.issuer.look import Seen
from agent.issuer.requests import CertificateRequest, read_request, sign_request
from agent.planning.serving_certificate import covered_services, together
from agent.planning.signing_request import SigningRequest
from agent.planning.trust_model import Lifetimes, Reached
from agent.trust_ports import Requests

SERVICE_ACCOUNT = "registry"
USAGES = frozenset({"digital signature", "key encipherment", "server auth"})


class Signing:
    """A duty of the trust controller."""

    def __init__(self, requests: Requests, *, lifetimes: Lifetimes) -> None:
        self._requests = requests
        self._lifetimes = lifetimes

    def settle(self, seen: Seen) -> tuple[Problem, ...]:
        """Raises ClusterTrouble and ChangedMeanwhile."""
        current = seen.view.ring.current
        if current is None or current.not_after <= seen.now:
            return ()
        return tuple(
            problem for request in self._requests.read() for problem in self._answer(request, seen)
        )

    def _answer(self, request: SigningRequest, seen: Seen) -> Iterator[Problem]:
        places = _places(seen)
        try:
            if request.awaits_approval and _is_of_registry(request, places):
                message = "the registry's own, for its own names and addresses"
                self._requests.approve(request, reason="OwnService", message=message)
            elif request.awaits_signature:
                self._requests.sign(
                    request, certificate=self._signed(request, places.values(), seen)
                )
        except BadInput as refusal:
            yield refusal.problem
            if request.awaits_signature:
                detail = refusal.problem.detail
                self._requests.fail(request, reason="RequestRefused", message=detail)

    def _signed(
        self, request: SigningRequest, places: Iterable[Sequence[Reached]], seen: Seen
    ) -> bytes:
        found = next(filter(None, (_asked_for(_read(request), here) for here in places)), None)
        if found is None:
            raise _refusal(request, "it asks for no name of a registry here")
        if not request.usages <= USAGES:
            raise _refusal(request, "it asks for other usages than a server has")
        seconds = request.expiration_seconds
        longest = self._lifetimes.certificate
        return sign_request(
            request=request.request,
            where=_where(request),
            names=found.names,
            addresses=found.addresses,
            authority=seen.stored.current,
            cross=seen.stored.cross,
            now=seen.now,
            lifetime=min(longest, timedelta(seconds=seconds)) if seconds else longest,
        )


def _is_of_registry(request: SigningRequest, places: Mapping[str, Sequence[Reached]]) -> bool:
    """Whether a registry asks for just what it is. Raises BadInput for a form that is refused."""
    for namespace, services in places.items():
        if request.username == f"system:serviceaccount:{namespace}:{SERVICE_ACCOUNT}":
            asked = _read(request)
            own = together(services)
            is_all = (asked.names, asked.addresses) == (own.names, own.addresses)
            return bool(services) and request.usages <= USAGES and is_all
    return False


def _asked_for(asked: CertificateRequest, services: Sequence[Reached]) -> Reached | None:
    """The Services that are asked for by name, whole: few know their addresses. None without."""
    found = [service for service in services if service.names & asked.names]
    return together(found) if found else None


def _places(seen: Seen) -> dict[str, list[Reached]]:
    """The Services of each namespace that a certificate can be for."""
    ring, now = seen.view.ring, seen.now
    if ring.current is None:
        return {}
    return {
        serving.namespace: covered_services(serving, ring=ring, current=ring.current, now=now)
        for serving in seen.view.servings
    }


def _read(request: SigningRequest) -> CertificateRequest:
    return read_request(request=request.request, where=_where(request))


def _where(request: SigningRequest) -> str:
    return f"CertificateSigningRequest {request.name}"


def _refusal(request: SigningRequest, detail: str) -> BadInput:
    problem = Problem(reason=Reason.REQUEST_REFUSED, where=_where(request), detail=detail)
    return BadInput(problem)
