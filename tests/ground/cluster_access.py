"""Who may reach an API server, and how: its CA, client certificates, tokens, kubeconfigs."""

import base64
import json
from dataclasses import dataclass, field

from tests.ground.certificates import Authority, Certificate

ADMIN, ADMINS = "kubernetes-admin", "system:masters"


@dataclass(frozen=True, kw_only=True)
class ClusterAccess:
    """One API server's address, and the authority that its clients trust and it trusts."""

    url: str
    authority: Authority = field(default_factory=lambda: Authority.create(name="cluster CA"))

    def kubeconfig(self, user: str = ADMIN, *, groups: tuple[str, ...] = (ADMINS,)) -> str:
        """A kubeconfig with a client certificate for that user."""
        certificate = self.authority.issue_client(user, groups=groups)
        return self._render(_certificate_of(certificate))

    def kubeconfig_with_token(self, token: str) -> str:
        """A kubeconfig with a bearer token."""
        return self._render({"token": token})

    def _render(self, user: dict[str, str]) -> str:
        cluster = {"server": self.url, "certificate-authority-data": _base64(self.authority.pem)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "ground", "cluster": cluster}],
            "users": [{"name": "ground", "user": user}],
            "contexts": [{"name": "ground", "context": {"cluster": "ground", "user": "ground"}}],
            "current-context": "ground",
        }
        return json.dumps(content, indent=2) + "\n"


def _certificate_of(certificate: Certificate) -> dict[str, str]:
    return {
        "client-certificate-data": _base64(certificate.chain_pem),
        "client-key-data": _base64(certificate.key_pem),
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
