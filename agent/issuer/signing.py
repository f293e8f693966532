"""Answers requests to our signer: approves those of a registry itself, signs what was approved.

Whoever is a registry's own service account gets a certificate for its Services, if it asks for just
them. Everybody else has to be approved by a person, and even so gets none for another name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from agent.errors import BadInput, Problem, Reason
from agent.issuer.look import Seen
from agent.issuer.requests import CertificateRequest, read_request, sign_request
from agent.planning.model import IPAddress
from agent.planning.serving_certificate import covered
from agent.planning.signing_request import SigningRequest
from agent.planning.trust_model import Lifetimes
from agent.trust_ports import Requests

SERVICE_ACCOUNT = "registry"
USAGES = frozenset({"digital signature", "key encipherment", "server auth"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Allowed:
    """What a certificate for a namespace's registry is for."""

    namespace: str
    names: frozenset[str]
    addresses: frozenset[IPAddress]

    def is_all_of(self, asked: CertificateRequest) -> bool:
        """Whether just this is asked for."""
        return (asked.names, asked.addresses) == (self.names, self.addresses)

    def has(self, asked: CertificateRequest) -> bool:
        """Whether no more than this is asked for."""
        return bool(asked.names) and asked.names <= self.names and asked.addresses <= self.addresses


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
        allowed = tuple(_allowed(seen))
        try:
            if request.awaits_approval and _is_of_registry(request, allowed):
                message = "the registry's own, for its own names and addresses"
                self._requests.approve(request, reason="OwnService", message=message)
            elif request.awaits_signature:
                self._requests.sign(request, certificate=self._signed(request, allowed, seen))
        except BadInput as refusal:
            yield refusal.problem
            if request.awaits_signature:
                detail = refusal.problem.detail
                self._requests.fail(request, reason="RequestRefused", message=detail)

    def _signed(self, request: SigningRequest, allowed: tuple[_Allowed, ...], seen: Seen) -> bytes:
        asked = _read(request)
        place = next((place for place in allowed if place.has(asked)), None)
        if place is None:
            raise _refusal(request, "it asks for names or addresses of no registry here")
        if not request.usages <= USAGES:
            raise _refusal(request, "it asks for other usages than a server has")
        seconds = request.expiration_seconds
        longest = self._lifetimes.certificate
        return sign_request(
            request=request.request,
            where=_where(request),
            names=place.names,
            addresses=place.addresses,
            authority=seen.stored.current,
            cross=seen.stored.cross,
            now=seen.now,
            lifetime=min(longest, timedelta(seconds=seconds)) if seconds else longest,
        )


def _is_of_registry(request: SigningRequest, allowed: tuple[_Allowed, ...]) -> bool:
    """Raises BadInput where a registry asks in a form that is refused."""
    for place in allowed:
        if request.username == f"system:serviceaccount:{place.namespace}:{SERVICE_ACCOUNT}":
            return request.usages <= USAGES and place.is_all_of(_read(request))
    return False


def _allowed(seen: Seen) -> Iterator[_Allowed]:
    current = seen.view.ring.current
    if current is None:
        return
    for serving in seen.view.servings:
        names, addresses = covered(serving, ring=seen.view.ring, current=current, now=seen.now)
        yield _Allowed(namespace=serving.namespace, names=names, addresses=addresses)


def _read(request: SigningRequest) -> CertificateRequest:
    return read_request(request=request.request, where=_where(request))


def _where(request: SigningRequest) -> str:
    return f"CertificateSigningRequest {request.name}"


def _refusal(request: SigningRequest, detail: str) -> BadInput:
    problem = Problem(reason=Reason.REQUEST_REFUSED, where=_where(request), detail=detail)
    return BadInput(problem)
