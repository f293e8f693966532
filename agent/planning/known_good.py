"""The last view that could be used: unknown is not absent.

While the API server is away, a manifest is half written or a bundle is refused, the node keeps
what it was last told well. It is kept in the state directory too, so that an agent that starts
without an API server can still repair its files and probe its registries.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from agent.planning.model import Endpoint, IPAddress, RegistryName, Route
from agent.planning.trust_bundle import parse_trust_file, render_trust_file

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodService:
    """A Service that passed every rule: its usable ClusterIPs in order, and its registry port."""

    registry: RegistryName
    addresses: tuple[IPAddress, ...]
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGood:
    """Accepted Services by name, and accepted bundles (PEM text) by their reference.

    `proven` are the routes that were last seen to work from this node.
    """

    services: Mapping[RegistryName, GoodService] = field(default_factory=dict)
    bundles: Mapping[str, str] = field(default_factory=dict)
    proven: Mapping[RegistryName, Route] = field(default_factory=dict)


def remember(known_good: KnownGood, working: Mapping[RegistryName, Route]) -> KnownGood:
    """The view with the routes that work now, of the registries that it knows."""
    seen = {name: route for name, route in working.items() if name in known_good.services}
    return replace(known_good, proven={**known_good.proven, **seen})


def encode(known_good: KnownGood) -> str:
    """JSON, sorted."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "services": [
                {
                    "namespace": name.namespace,
                    "name": name.name,
                    "addresses": [str(address) for address in service.addresses],
                    "port": service.port,
                }
                for name, service in sorted(known_good.services.items())
            ],
            "bundles": dict(sorted(known_good.bundles.items())),
            "proven": [
                {
                    "namespace": name.namespace,
                    "name": name.name,
                    "address": str(route.endpoint.address),
                    "port": route.endpoint.port,
                    "pem": render_trust_file(route.ders).decode(),
                }
                for name, route in sorted(known_good.proven.items())
            ],
        }
    )


def decode(text: str) -> KnownGood:
    """Back from JSON. Raises ValueError when it is not what `encode` wrote."""
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            return KnownGood()
        services = [_service(item) for item in document["services"]]
        return KnownGood(
            services={service.registry: service for service in services},
            bundles={str(ref): str(pem) for ref, pem in document["bundles"].items()},
            proven={_name(item): _route(item) for item in document["proven"]},
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        message = f"not a saved view: {error!r}"
        raise ValueError(message) from error


def _service(item: Mapping[str, Any]) -> GoodService:
    return GoodService(
        registry=_name(item),
        addresses=tuple(ip_address(address) for address in item["addresses"]),
        port=int(item["port"]),
    )


def _name(item: Mapping[str, Any]) -> RegistryName:
    return RegistryName(namespace=str(item["namespace"]), name=str(item["name"]))


def _route(item: Mapping[str, Any]) -> Route:
    """Raise ValueError when there is no trust in it: a route without could not have worked."""
    ders = parse_trust_file(str(item["pem"]).encode())
    if not ders:
        message = "a route without a CA certificate"
        raise ValueError(message)
    endpoint = Endpoint(address=ip_address(item["address"]), port=int(item["port"]))
    return Route(endpoint=endpoint, ders=ders)
