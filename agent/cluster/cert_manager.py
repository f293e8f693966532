"""cert-manager's Certificates for registries: we only keep their names and addresses right.

cert-manager issues anew by itself when they change (docs/usage/certificate). It has no way to
follow a Service's ClusterIP.
"""

from collections.abc import Iterable

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.asking import asking, patch_as_seen
from agent.cluster.listing import every
from agent.cluster.lookup import list_at, text_at
from agent.cluster.objects import PREFIX, Document
from agent.planning.model import IPAddress
from agent.planning.trust_sources import OrderedCertificate

CERTIFICATES = "/apis/cert-manager.io/v1/namespaces/{}/certificates"
LABEL = PREFIX + "registry-certificate"
_SELECTOR = f"{LABEL}=true"

_NOT_FOR_US = frozenset({403, 404})


class CertManager:
    """Each method raises ClusterTrouble; a write ChangedMeanwhile too."""

    def __init__(self, api: Api, *, namespaces: Iterable[str]) -> None:
        """`namespaces` are those in which registry Services may be."""
        self._api = api
        self._namespaces = tuple(namespaces)

    def certificates(self) -> tuple[OrderedCertificate, ...]:
        """Those that are labelled for us; none where there is no cert-manager, or no right to see.

        The right is that of a component: without it nobody has asked for this.
        """
        found: list[OrderedCertificate] = []
        for namespace in self._namespaces:
            path = CERTIFICATES.format(namespace)
            with asking(self._api, f"Certificates in {namespace}"):
                try:
                    found += map(_certificate, every(self._api, path, {"labelSelector": _SELECTOR}))
                except ApiRefusedError as refusal:
                    if refusal.status not in _NOT_FOR_US:
                        raise
        return tuple(found)

    def keep(
        self, seen: OrderedCertificate, *, names: Iterable[str], addresses: Iterable[IPAddress]
    ) -> bool:
        """Let it be for exactly these. Returns whether it was not.

        Without any name there is no registry yet: it stays as it is.
        """
        wanted_names, wanted_addresses = sorted(names), sorted(map(str, addresses))
        if not wanted_names or (sorted(seen.dns_names), sorted(seen.ip_addresses)) == (
            wanted_names,
            wanted_addresses,
        ):
            return False
        body = {
            "metadata": {"resourceVersion": seen.version},
            "spec": {"dnsNames": wanted_names, "ipAddresses": wanted_addresses},
        }
        with asking(self._api, str(seen)):
            patch_as_seen(self._api, f"{CERTIFICATES.format(seen.namespace)}/{seen.name}", body)
        return True


def _certificate(document: Document) -> OrderedCertificate:
    return OrderedCertificate(
        namespace=text_at(document, "metadata", "namespace"),
        name=text_at(document, "metadata", "name"),
        secret=text_at(document, "spec", "secretName"),
        dns_names=tuple(map(str, list_at(document, "spec", "dnsNames"))),
        ip_addresses=tuple(map(str, list_at(document, "spec", "ipAddresses"))),
        version=text_at(document, "metadata", "resourceVersion"),
    )
