"""A whole cluster of one node: control plane, kubelet, containerd and registry, all real.

All of it is in the node's network. Pods have a network of their own, by the usual CNI plugins, and
ClusterIPs are what kube-proxy makes of them.
"""

import json
from contextlib import ExitStack

from tests.ground import loading, programs
from tests.ground.closing import Starting
from tests.ground.control_plane import API_PORT, ControlPlane
from tests.ground.controllers import Controllers
from tests.ground.daemon import seen_on_node
from tests.ground.kube_proxy import kube_proxy
from tests.ground.kubelet import Kubelet
from tests.ground.network import WIRE, WIRE_ADDRESS
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.runtime import pod_config

CONTAINERD = "2.1"
_NETWORK = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "plugins": [
        {
            "type": "ptp",
            "ipam": {
                "type": "host-local",
                "subnet": "10.244.0.0/24",
                "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": "/run/cni",
            },
        }
    ],
}


class Cluster(Starting):
    """The cluster: nothing runs before it is entered, and nothing is left after."""

    def __init__(self) -> None:
        """Make the node and write its files."""
        plugins = programs.cni_plugins()
        containerd = programs.containerd(CONTAINERD)
        tools = (programs.runc(), programs.kubernetes("kubelet"), plugins)
        self.node = Node(containerd=containerd, tools=tools)
        with ExitStack() as undo:  # a program may be missing
            undo.callback(self.node.close)
            self._furnish(cni=seen_on_node(plugins, plugins.executable.parent))
            undo.pop_all()

    def start(self) -> None:
        """Start everything; the Node is Ready then."""
        self.node.start_containerd(config=self._config)
        loading.load_pause(self.node)
        self.control_plane.start()
        self.controllers.start()
        self.kubelet.start()
        self.proxy.start()

    def close(self) -> None:
        """End everything."""
        self.proxy.kill()
        self.kubelet.server.kill()
        self.controllers.close()
        self.control_plane.close()
        self.registry.close()
        self.node.close()

    def _furnish(self, *, cni: str) -> None:
        self.node.network.add_wire()
        self.node.network.command("route", "add", "default", "dev", WIRE)
        self._config = pod_config(self.node.containerd_version) + _CNI.format(folder=cni)
        self.node.write("etc/cni/net.d/pods.conflist", json.dumps(_NETWORK))
        directory = self.node.root / "run/control-plane"
        directory.mkdir()
        self.control_plane = ControlPlane(
            place=self.node, directory=directory, address=WIRE_ADDRESS, port=API_PORT
        )
        self.controllers = Controllers(self.control_plane)
        self.kubelet = Kubelet(
            node=self.node, control_plane=self.control_plane, address=WIRE_ADDRESS
        )
        self.proxy = kube_proxy(node=self.node, control_plane=self.control_plane)
        self.kubectl = self.control_plane.kubectl
        self.registry = Registry(node=self.node)


_CNI = """
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dir = "{folder}"
"""
