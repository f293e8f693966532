"""The last view that could be used: unknown is not absent.

While the API server is away, a manifest is half written or a bundle is refused, the node keeps
what it was last told well. It is kept in the state directory too, so that an agent that starts
without an API server can still repair its files and probe its registries.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from agent.planning.model import IPAddress, RegistryName

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodService:
    """A Service that passed every rule: its usable ClusterIPs in order, and its registry port."""

    registry: RegistryName
    addresses: tuple[IPAddress, ...]
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGood:
    """Accepted Services by name, and accepted bundles (PEM text) by their reference."""

    services: Mapping[RegistryName, GoodService] = field(default_factory=dict)
    bundles: Mapping[str, str] = field(default_factory=dict)


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
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        message = f"not a saved view: {error!r}"
        raise ValueError(message) from error


def _service(item: Mapping[str, Any]) -> GoodService:
    return GoodService(
        registry=RegistryName(namespace=str(item["namespace"]), name=str(item["name"])),
        addresses=tuple(ip_address(address) for address in item["addresses"]),
        port=int(item["port"]),
    )
