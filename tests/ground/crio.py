"""A real CRI-O inside a node, seeing the node's own /etc, /var and /run and nothing else.

It stores images by plain copies (vfs) and starts no containers: what is under test are its pulls.
"""

import signal

from tests.ground import programs
from tests.ground.daemon import CriDaemon, seen_on_node
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.programs import Program

CONFIG = "etc/crio/crio.conf"
SOCKET = "run/crio/crio.sock"
LOG = "run/crio.log"
DROP_INS = "etc/containers/registries.conf.d"
CERTIFICATES = "etc/containers/certs.d"

POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}\n'
_CONFIG = """\
[crio]
storage_driver = "vfs"

[crio.api]
listen = "/run/crio/crio.sock"

[crio.image]
pause_image = "localhost/pause:1"
{image}
[crio.runtime]
cgroup_manager = "cgroupfs"
conmon_cgroup = "pod"
default_runtime = "runc"
pinns_path = "/bin/true"
disable_hostport_mapping = true

[crio.runtime.runtimes.runc]
runtime_path = "{runc}"
monitor_path = "{conmon}"
"""


def tools(version: str) -> tuple[Program, ...]:
    """What a node must have for a CRI-O of that version, itself first."""
    return (programs.crio(version), programs.conmon(), programs.runc())


def configuration(*, version: str, image: str = "") -> str:
    """Its crio.conf, for a node that has `tools`; `image` are more lines of its `[crio.image]`."""
    _, conmon, runc = tools(version)
    return _CONFIG.format(
        runc=seen_on_node(runc, runc.executable),
        conmon=seen_on_node(conmon, conmon.executable),
        image=image,
    )


class Crio(CriDaemon):
    """One CRI-O on a node that was made with `tools`: started, reloaded, stopped, asked."""

    def __init__(self, node: Node, version: str) -> None:
        self._node = node
        self._version = version
        super().__init__(*tools(version), namespaces=node.namespaces, log=LOG, socket=SOCKET)

    def furnish(self, *, image: str = "") -> None:
        """Write its configuration; `image` are more lines of its `[crio.image]`."""
        self._node.write(CONFIG, configuration(version=self._version, image=image))
        self._node.write("etc/containers/policy.json", POLICY)
        for folder in ("etc/cni/net.d", "opt/cni/bin", "var/tmp", DROP_INS, CERTIFICATES):
            (self._node.root / folder).mkdir(parents=True, exist_ok=True)

    def reload(self) -> None:
        """Let it read its registries again, and wait until it has."""
        done = "Applied new registry configuration"
        before = self.log.read_text().count(done)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log.read_text().count(done) > before, what="CRI-O has reloaded")
