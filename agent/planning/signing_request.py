"""A CertificateSigningRequest to our signer, as the API server has it; who asks is its own word."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SIGNER = "registry-node-agent.internal/serving"
APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRequest:
    """`request` and `certificate` are PEM; the latter is empty until it was signed.

    `username` and `groups` are of whoever made the object, by the API server's authentication.
    `expiration_seconds` is None where that is left to us. `conditions` are as they were read.
    """

    name: str
    request: bytes
    username: str
    groups: tuple[str, ...] = ()
    usages: frozenset[str] = frozenset()
    expiration_seconds: int | None = None
    certificate: bytes = b""
    conditions: tuple[Mapping[str, object], ...] = field(default=(), repr=False)
    version: str = ""

    @property
    def awaits_approval(self) -> bool:
        """Whether nobody has decided about it yet."""
        return not self._kinds & {APPROVED, DENIED, FAILED}

    @property
    def awaits_signature(self) -> bool:
        """Whether it was approved, and is neither signed nor refused."""
        return APPROVED in self._kinds and not (self.certificate or self._kinds & {DENIED, FAILED})

    @property
    def _kinds(self) -> set[object]:
        return {condition.get("type") for condition in self.conditions}
