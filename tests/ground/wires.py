"""Wires from several nodes to one hub, to which every ClusterIP leads.

What kube-proxy would do for one Service is done once for all of them, so that a Service which is
made or made again is reached at once at whatever ClusterIP the API server gives to it.
"""

import subprocess

from tests.ground import programs
from tests.ground.control_plane import API_ADDRESS
from tests.ground.namespaces import NodeTroubleError
from tests.ground.node import Node

CLUSTER_IPS = "10.96.0.0/16"
_HUB = "198.51.100.1"
_WIRE = "hub0"
_RULES = """\
table ip cluster-ips {{
  chain from-nodes {{
    type nat hook prerouting priority dstnat
    ip daddr {cluster_ips} ip daddr != {api} tcp dport 443 dnat to {hub}:{port}
  }}
  chain from-here {{
    type nat hook output priority -100
    ip daddr {cluster_ips} ip daddr != {api} tcp dport 443 dnat to {hub}:{port}
  }}
}}
"""


class Wires:
    """The hub's end of all wires."""

    def __init__(self, *, hub: Node, port: int) -> None:
        """Port 443 of every ClusterIP but the API server's is `port` of the hub."""
        self._hub = hub
        self._joined = 0
        hub.add_address(_HUB)
        hub.network.command("route", "add", "local", CLUSTER_IPS, "dev", "lo")
        nft = programs.nft()
        rules = _RULES.format(cluster_ips=CLUSTER_IPS, api=API_ADDRESS, hub=_HUB, port=port)
        file = hub.write("run/cluster-ips.nft", rules)
        done = hub.run([str(nft.executable), f"--file={file}"], env=nft.environment)
        if done.returncode:
            raise NodeTroubleError(f"nft: {done.stderr.strip()}")

    def join(self, node: Node) -> None:
        """Lay a wire to a node, and lead all ClusterIPs along it."""
        self._joined += 1
        end, address = f"node{self._joined}", f"198.51.100.{self._joined + 1}/32"
        self._lay(end, node)
        self._hub.network.command("link", "set", end, "up")
        self._hub.network.command("route", "add", address, "dev", end)
        node.network.command("link", "set", _WIRE, "up")
        node.network.command("address", "add", address, "dev", _WIRE)
        node.network.command("route", "add", CLUSTER_IPS, "dev", _WIRE)

    def _lay(self, end: str, node: Node) -> None:
        """Made from the machine's processes: the hub's do not see those of the other node."""
        ip = programs.iproute2()
        hub, other = (place.namespaces.first_pid for place in (self._hub, node))
        pair = ["link", "add", end, "type", "veth", "peer", "name", _WIRE, "netns", str(other)]
        done = subprocess.run(  # noqa: S603 - fixed programs
            ["/usr/bin/nsenter", f"--net=/proc/{hub}/ns/net", str(ip.executable), *pair],
            env=ip.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NodeTroubleError(f"ip {' '.join(pair)}: {done.stderr.strip()}")
