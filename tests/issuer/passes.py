"""Passes of the trust controller in a cluster whose nodes read, and what is served after them."""

from ipaddress import ip_network

from agent.issuer.verification import verify
from agent.planning.pem import pem_block
from agent.planning.published_bundle import anchors_in
from agent.planning.trust_report import TrustReport
from tests.issuer.trust_cluster import TrustCluster

RANGES = tuple(map(ip_network, ("10.96.0.0/16", "10.97.0.0/16", "fd00::/112")))


def settle(cluster: TrustCluster) -> TrustReport:
    """A pass, after which all nodes read the bundle."""
    report = cluster.controller().settle()
    cluster.nodes_read("a", "b")
    return report


def after(cluster: TrustCluster, **time: float) -> TrustReport:
    cluster.pass_time(**time)
    return settle(cluster)


def published(cluster: TrustCluster) -> list[bytes]:
    return [pem_block(der).encode() for der in anchors_in(cluster.bundle)]


def is_served(cluster: TrustCluster, name: str, *, to: bytes, namespace: str = "registry") -> bool:
    """Whether who trusts that CA can verify the Service by its name."""
    why = verify(
        chain=cluster.certificate(namespace),
        anchor=to,
        names={f"{name}.{namespace}.svc"},
        addresses=(),
        now=cluster.now(),
    )
    return why is None
