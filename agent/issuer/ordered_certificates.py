"""Certificates that cert-manager issues for a registry: kept for its Services as they are now."""

from agent.errors import Problem
from agent.issuer.look import Seen
from agent.trust_ports import CertManager


class OrderedCertificates:
    """A duty of the trust controller."""

    def __init__(self, cert_manager: CertManager) -> None:
        self._cert_manager = cert_manager

    def settle(self, seen: Seen) -> tuple[Problem, ...]:
        """cert-manager issues anew by itself. Raises ClusterTrouble and ChangedMeanwhile."""
        for ordered in self._cert_manager.certificates():
            here = seen.reached.get(ordered.namespace, ())
            self._cert_manager.keep(
                ordered,
                names=frozenset[str]().union(*(service.names for service in here)),
                addresses=[address for service in here for address in service.addresses],
            )
        return ()
