"""Reads what trust bootstrapping goes by: Services, service ranges, and who wants which copy."""

from collections.abc import Iterable
from ipaddress import ip_network

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.asking import asking
from agent.cluster.listing import every
from agent.cluster.lookup import list_at, text_at, texts_at
from agent.cluster.objects import REGISTRY_LABEL, read_service
from agent.errors import BadInput, Problem
from agent.planning.model import ServiceObject
from agent.planning.trust_model import IPNetwork
from agent.planning.trust_sources import ServedService, ServicesSeen

NAMESPACES = "/api/v1/namespaces"
SERVICE_CIDRS = "/apis/networking.k8s.io/v1/servicecidrs"

_UNKNOWN = frozenset({403, 404})


class TrustSources:
    """Each method raises ClusterTrouble: what cannot be read is not taken for absent."""

    def __init__(self, api: Api, *, namespaces: Iterable[str]) -> None:
        """`namespaces` are those in which registry Services may be."""
        self._api = api
        self._namespaces = tuple(namespaces)

    def services(self) -> ServicesSeen:
        """The Services that carry the registry label, with whatever value, and the others."""
        seen: list[ServedService] = []
        unlabelled: list[ServiceObject] = []
        problems: list[Problem] = []
        for namespace in self._namespaces:
            path = f"{NAMESPACES}/{namespace}/services"
            with asking(self._api, f"Services in {namespace}"):
                documents = list(every(self._api, path))
            for document in documents:
                where = f"Service {namespace}/{text_at(document, 'metadata', 'name')}"
                is_labelled = REGISTRY_LABEL in texts_at(document, "metadata", "labels")
                try:
                    service = read_service(document, where=where)
                except BadInput as refusal:
                    problems.extend([refusal.problem] if is_labelled else [])
                    continue
                if is_labelled:
                    selector = texts_at(document, "spec", "selector")
                    seen.append(ServedService(service=service, selector=selector))
                else:
                    unlabelled.append(service)
        seen.sort(key=lambda item: item.service.registry)
        return ServicesSeen(
            services=tuple(seen), unlabelled=tuple(unlabelled), problems=tuple(problems)
        )

    def service_ranges(self) -> frozenset[IPNetwork] | None:
        """The ranges that ClusterIPs come from (ServiceCIDR, v1 since Kubernetes 1.33).

        None where they may not be read, or the API server has no such objects, or says of one
        what we cannot read: a CA that is limited to the others would be no use.
        """
        with asking(self._api, "ServiceCIDRs"):
            try:
                documents = list(every(self._api, SERVICE_CIDRS))
            except ApiRefusedError as refusal:
                if refusal.status not in _UNKNOWN:
                    raise
                return None
        texts = (text for document in documents for text in list_at(document, "spec", "cidrs"))
        try:
            return frozenset(ip_network(str(text)) for text in texts) or None
        except ValueError:
            return None

    def namespaces(self, label: str) -> tuple[str, ...]:
        """The names of those that are labelled `"true"` and are not about to go, sorted."""
        with asking(self._api, "Namespaces"):
            found = list(every(self._api, NAMESPACES, {"labelSelector": f"{label}=true"}))
        return tuple(
            sorted(
                text_at(document, "metadata", "name")
                for document in found
                if text_at(document, "status", "phase") == "Active"
            )
        )
