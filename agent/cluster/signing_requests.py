"""CertificateSigningRequests to our signer: read, approved, answered with a certificate or refused.

Each verb is a right of its own (subresource, and `approve` or `sign` on the signer).
"""

from base64 import b64decode, b64encode

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.asking import asking, patch_as_seen
from agent.cluster.listing import every
from agent.cluster.lookup import documents_at, list_at, text_at, value_at
from agent.cluster.objects import Document
from agent.planning.signing_request import APPROVED, FAILED, SIGNER, SigningRequest

REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
_SUBJECT = "CertificateSigningRequests"
_DENIED = 403


class SigningRequests:
    """Each method raises ClusterTrouble; a write ChangedMeanwhile too."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def read(self) -> tuple[SigningRequest, ...]:
        """All to our signer, whatever became of them; none where there is no right to see them.

        The right is that of a component: without it nobody has asked for this.
        """
        selector = {"fieldSelector": f"spec.signerName={SIGNER}"}
        with asking(self._api, _SUBJECT):
            try:
                return tuple(_request(item) for item in every(self._api, REQUESTS, selector))
            except ApiRefusedError as refusal:
                if refusal.status != _DENIED:
                    raise
                return ()

    def approve(self, request: SigningRequest, *, reason: str, message: str) -> None:
        """Say that it may be signed. `reason` is one word in CamelCase."""
        self._judge(request, APPROVED, reason=reason, message=message, subresource="approval")

    def fail(self, request: SigningRequest, *, reason: str, message: str) -> None:
        """Say that it cannot be signed, whoever approved it, and never will be."""
        self._judge(request, FAILED, reason=reason, message=message, subresource="status")

    def sign(self, request: SigningRequest, *, certificate: bytes) -> None:
        """Hand out the certificate, PEM."""
        body = {
            "metadata": {"resourceVersion": request.version},
            "status": {"certificate": b64encode(certificate).decode()},
        }
        self._patch(request, body, subresource="status")

    def _judge(
        self, request: SigningRequest, kind: str, *, reason: str, message: str, subresource: str
    ) -> None:
        told = {"type": kind, "status": "True", "reason": reason, "message": message}
        body = {
            "metadata": {"resourceVersion": request.version},
            "status": {"conditions": [*request.conditions, told]},
        }
        self._patch(request, body, subresource=subresource)

    def _patch(self, request: SigningRequest, body: Document, *, subresource: str) -> None:
        with asking(self._api, f"CertificateSigningRequest {request.name}"):
            patch_as_seen(self._api, f"{REQUESTS}/{request.name}/{subresource}", body)


def _request(document: Document) -> SigningRequest:
    seconds = value_at(document, "spec", "expirationSeconds")
    return SigningRequest(
        name=text_at(document, "metadata", "name"),
        request=b64decode(text_at(document, "spec", "request")),
        username=text_at(document, "spec", "username"),
        groups=tuple(str(group) for group in list_at(document, "spec", "groups")),
        usages=frozenset(str(usage) for usage in list_at(document, "spec", "usages")),
        expiration_seconds=seconds if isinstance(seconds, int) else None,
        certificate=b64decode(text_at(document, "status", "certificate")),
        conditions=tuple(documents_at(document, "status", "conditions")),
        version=text_at(document, "metadata", "resourceVersion"),
    )
