"""A real kubelet on a node, with the node's own containerd, files and network."""

import json

from tests.ground import cgroups, programs
from tests.ground.control_plane import ControlPlane
from tests.ground.daemon import seen_on_node
from tests.ground.node import Node
from tests.ground.runtime import SOCKET
from tests.ground.server import Server

FOLDER = "var/lib/kubelet"
_KUBECONFIG, _CONFIG, _CA = (f"{FOLDER}/{name}" for name in ("kubeconfig", "config.json", "ca.crt"))

# The kubelet sets these for the whole machine. On a node of ours it finds them set already: in
# files of the node that lie over the real ones.
_SYSCTLS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


class Kubelet:
    """The kubelet of one node, which has it among its tools."""

    def __init__(self, *, node: Node, control_plane: ControlPlane, address: str) -> None:
        """Write its files; `address` is the node's own."""
        self._node = node
        self._control_plane = control_plane
        self._group = node.root.name
        access = control_plane.access
        user = f"system:node:{node.name}"
        node.write(_KUBECONFIG, access.kubeconfig(user, groups=("system:nodes",)))
        node.write(_CA, access.authority.pem)
        node.write(_CONFIG, json.dumps(_configuration(self._group)))
        program = programs.kubernetes("kubelet")
        command = [
            *("chroot", str(node.root), seen_on_node(program, program.executable)),
            f"--config=/{_CONFIG}",
            f"--kubeconfig=/{_KUBECONFIG}",
            f"--hostname-override={node.name}",
            f"--node-ip={address}",
        ]
        log = node.root / "run/kubelet.log"
        self.server = Server(command=command, place=node, log=log, is_ready=self._is_ready)

    def start(self) -> None:
        """Start it, and return when the API server has the Node as Ready."""
        cgroups.make(self._group)
        for name, number in _SYSCTLS.items():
            file = self._node.write(f"run/sysctl/{name}", f"{number}\n")
            self._node.run(["mount", "--bind", str(file), f"{self._node.root}/proc/sys/{name}"])
        self.server.start()

    def _is_ready(self) -> bool:
        found = self._control_plane.kubectl.call(
            *("get", "node", self._node.name),
            '--output=jsonpath={.status.conditions[?(@.type=="Ready")].status}',
        )
        return found.stdout == "True"


def _configuration(group: str) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"/{_CA}"},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix:///{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{group}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": False,
        "evictionHard": {"memory.available": "1Mi"},  # the machine's disk is no matter of a test
        "imageGCHighThresholdPercent": 100,
        "oomScoreAdj": 0,
        "nodeStatusUpdateFrequency": "1s",
    }
