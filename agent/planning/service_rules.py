"""Which port and which addresses of a Service a node may pull from.

Targets are ClusterIPs only: external IPs and load balancer addresses can be claimed by whoever may
write a Service (CVE-2020-8554), endpoints are not stable names. A port must speak TLS; a Service
that leaves it open which one does is refused rather than guessed at.
"""

from ipaddress import ip_address

from agent.errors import BadInput, Problem, Reason
from agent.planning.hostnames import cluster_hostnames
from agent.planning.known_good import GoodService
from agent.planning.model import (
    HTTPS_PORT,
    MAX_PORT,
    IPAddress,
    RegistryName,
    ServiceObject,
    ServicePort,
)

WANTED, WITHDRAWN = "true", "false"
"""The values of the registry label: pull from this Service, stop pulling from it."""
HTTP_PORT = 80


def judge_service(service: ServiceObject, *, domain: str) -> GoodService:
    """The Service as we can use it. Raises BadInput with the first rule that it breaks."""
    if service.label != WANTED:
        detail = f"its registry label is {service.label!r}, neither 'true' nor 'false'"
        raise _refusal(service, Reason.BAD_LABEL, detail)
    _check_name(service, domain=domain)
    addresses = _addresses(service)
    port = _port(service)
    return GoodService(registry=service.registry, addresses=addresses, port=port.number)


def has_hostnames(registry: RegistryName, *, domain: str) -> bool:
    """Whether a Service of that name can be pulled by a hostname, on any port."""
    try:
        cluster_hostnames(registry, port=MAX_PORT, domain=domain)
    except ValueError:
        return False
    return True


def _check_name(service: ServiceObject, *, domain: str) -> None:
    try:
        cluster_hostnames(service.registry, port=MAX_PORT, domain=domain)
    except ValueError as error:
        raise _refusal(service, Reason.BAD_NAME, str(error)) from error


def _addresses(service: ServiceObject) -> tuple[IPAddress, ...]:
    if service.type == "ExternalName":
        raise _refusal(service, Reason.EXTERNAL_NAME, "its type is ExternalName")
    if "None" in service.cluster_ips:
        raise _refusal(service, Reason.HEADLESS, "its clusterIP is None")
    if not any(service.cluster_ips):
        raise _refusal(service, Reason.NO_CLUSTER_IP, "it has no clusterIP yet")
    return tuple(_address(service, text) for text in service.cluster_ips)


def _address(service: ServiceObject, text: str) -> IPAddress:
    try:
        address = ip_address(text)
    except ValueError as error:
        raise _refusal(service, Reason.BAD_ADDRESS, f"{text!r} is no IP address") from error
    kind = _forbidden_kind(address)
    if kind:
        raise _refusal(service, Reason.BAD_ADDRESS, f"its clusterIP {address} is {kind}")
    return address


def _forbidden_kind(address: IPAddress) -> str:
    """Why no Service may be there, or nothing. An IPv4 address written as IPv6 counts as itself."""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return "an IPv4-mapped IPv6 address"
    if getattr(address, "scope_id", None):
        return "an address with a zone"
    kinds = {
        "a loopback address": address.is_loopback,
        "a link-local address": address.is_link_local,
        "a multicast address": address.is_multicast,
        "the unspecified address": address.is_unspecified,
    }
    return next((kind for kind, applies in kinds.items() if applies), "")


def _port(service: ServiceObject) -> ServicePort:
    """The registry's port, by the first rule that names exactly one."""
    ports = [port for port in service.ports if port.protocol == "TCP" and _usable(port)]
    if not ports:
        raise _refusal(service, Reason.NO_PORT, "it has no TCP port")
    rules = (
        [port for port in ports if port.app_protocol.lower() == "https"],
        [port for port in ports if port.name == "https"],
        [port for port in ports if port.number == HTTPS_PORT],
        [port for port in ports if port.name.startswith("https-")],
    )
    for candidates in rules:
        if len(candidates) == 1:
            return candidates[0]
    if len(ports) > 1:
        numbers = ", ".join(f"{port.number} ({port.name or 'unnamed'})" for port in ports)
        raise _refusal(service, Reason.AMBIGUOUS_PORT, f"any of its ports may be meant: {numbers}")
    if _speaks_plain_http(ports[0]):
        raise _refusal(
            service, Reason.PLAIN_HTTP_PORT, f"its only port {ports[0].number} is for plain HTTP"
        )
    return ports[0]


def _usable(port: ServicePort) -> bool:
    return 0 < port.number <= MAX_PORT


def _speaks_plain_http(port: ServicePort) -> bool:
    return (
        port.number == HTTP_PORT
        or port.name.startswith("http")
        or port.app_protocol.lower() == "http"
    )


def _refusal(service: ServiceObject, reason: Reason, detail: str) -> BadInput:
    return BadInput(
        Problem(
            reason=reason,
            where=f"Service {service.registry}",
            detail=detail,
            registry=str(service.registry),
        )
    )
