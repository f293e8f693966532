"""Where a rotation is, as the objects tell it: the CA Secret, and what the registry serves."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from agent.planning.node_state import PREFIX
from tests.ground.volumes import content_of
from tests.rotation.hub import Hub

SECRET = "registry-ca"  # noqa: S105 - the name of one
STEADY, STAGED, SWITCHED = "steady", "staged", "switched"
_SWITCHED_AT = f"{PREFIX}switched-at"


class Ring:
    """The CAs as they are now, by their fingerprints."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    @property
    def phase(self) -> str:
        """Where the rotation is; empty before there is any CA."""
        content = self._content
        if content.get("next.crt"):
            return STAGED
        if content.get("previous.crt"):
            return SWITCHED
        return STEADY if content.get("current.crt") else ""

    @property
    def current(self) -> str:
        """The one that signs; empty while there is none."""
        return _sha256(self._content.get("current.crt", ""))

    @property
    def next(self) -> str:
        """The one that is going to."""
        return _sha256(self._content.get("next.crt", ""))

    @property
    def anchors(self) -> tuple[str, ...]:
        """All that nodes have to trust while there are two."""
        blocks = (self._content.get(key, "") for key in ("current.crt", "next.crt", "previous.crt"))
        return tuple(_sha256(pem) for pem in blocks if pem)

    @property
    def serves(self) -> bool:
        """Whether the registry's pod has a certificate by the CA that signs now."""
        ours, leaf = self._content.get("current.crt", ""), self._leaf
        if not ours or leaf is None:
            return False
        authority = x509.load_pem_x509_certificate(ours.encode())
        try:
            leaf.verify_directly_issued_by(authority)
        except (ValueError, InvalidSignature):
            return False
        return True

    def covers(self, service: str) -> bool:
        """Whether that certificate has the names of a Service."""
        if (leaf := self._leaf) is None:
            return False
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return f"{service}.registry.svc" in names.get_values_for_type(x509.DNSName)

    def let_time_pass(self) -> None:
        """Pretend that the switch was a year ago: whatever the CA before has signed has expired."""
        moment = (datetime.now(tz=UTC) - timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")
        place = ("secret", SECRET, "--namespace=registry-trust", "--overwrite")
        self._hub.kubectl("annotate", *place, f"{_SWITCHED_AT}={moment}")

    @property
    def _leaf(self) -> x509.Certificate | None:
        served = self._hub.volumes["certificate"].content.get("tls.crt", "")
        return x509.load_pem_x509_certificate(served.encode()) if served else None

    @property
    def _content(self) -> Mapping[str, str]:
        found = self._hub.trust_secrets.objects.get(SECRET)
        return content_of(found) if found else {}


def _sha256(pem: str) -> str:
    """Of a certificate; empty where there is none."""
    found = [x509.load_pem_x509_certificate(pem.encode())] if pem else []
    return "".join(certificate.fingerprint(hashes.SHA256()).hex() for certificate in found)
