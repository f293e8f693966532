"""The usual scene of a test: a node, a registry with one image on it, manifests, and the agent."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.ground.certificates import Authority
from tests.ground.cri import Pull
from tests.ground.manifests import PORTS, Manifests
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.snapshot import Entry
from tests.realnode.agent_process import Agent

ADDRESS, OTHER_ADDRESS = "10.96.0.50", "10.96.0.51"
DEAD_ADDRESS = "10.96.0.99"
HOST = "knative.registry.svc.cluster.local"
SHORT_HOST = "knative.registry.svc"
HOSTS = (HOST, SHORT_HOST, f"{HOST}:443", f"{SHORT_HOST}:443")
REPOSITORY = "app/demo:v1"
IMAGE = f"{HOST}/{REPOSITORY}"
CERTS_D = "etc/containerd/certs.d"
STATE = "var/lib/registry-node-agent"
ABSENT = "registry-node-agent/absent:absent"


class Scene:
    """One node with its registry. Nothing is asked for and nobody listens yet."""

    def __init__(self, *, node: Node, registry: Registry) -> None:
        self.node = node
        self.registry = registry
        self.authority = Authority.create(name="first CA")
        self.manifests = Manifests(directory=node.root / "run/manifests")
        self.manifests.directory.mkdir(parents=True)
        self.agent = Agent(node=node, manifests=self.manifests.directory)
        registry.push("app/demo")

    def serve(
        self,
        front: str = "main",
        *,
        address: str = ADDRESS,
        port: int = 443,
        authority: Authority | None = None,
    ) -> None:
        """Open a front with a good certificate, of the first CA unless told."""
        certificate = (authority or self.authority).issue(dns=[HOST], ips=[address])
        self.registry.open_front(front, address=address, port=port, certificate=certificate)

    def ask_for(
        self,
        *,
        address: str = ADDRESS,
        ports: Sequence[Mapping[str, object]] = PORTS,
        pem: str | None = None,
    ) -> None:
        """Publish the bundle, of the first CA unless told, and the Service."""
        self.manifests.trust_bundle(self.authority.pem if pem is None else pem)
        self.manifests.service(cluster_ips=[address], ports=ports)

    def start(self, *, address: str = ADDRESS) -> None:
        """All as it should be, and containerd running; the agent has not been there."""
        self.serve(address=address)
        self.ask_for(address=address)
        self.node.start_containerd()

    def converge(self) -> None:
        """`start`, and the agent has done its work."""
        self.start()
        done = self.agent.sync()
        assert done.status == 0, done.err
        assert self.pull().ok

    def pull(self, image: str = IMAGE) -> Pull:
        """A pull that cannot be answered from what the node has already."""
        self.node.remove_image(image)
        return self.node.pull(image)

    def resolves(self, host: str = HOST) -> bool:
        """Whether the runtime reaches the registry under that name; cheaper than a pull."""
        return "not found" in self.node.pull(f"{host}/{ABSENT}").error

    def host_file(self, name: str, *, host: str = HOST) -> Path:
        return self.node.root / CERTS_D / host / name

    def configuration(self) -> Mapping[str, Entry]:
        """The runtime's configuration as it stands, byte for byte."""
        return {
            path: entry
            for path, entry in self.node.snapshot().items()
            if path.startswith("etc/containerd/")
        }

    def recorded(self) -> set[str]:
        """The files that the agent's ledger says it wrote, relative to the root."""
        ledger = json.loads((self.node.root / STATE / "ledger.json").read_text())
        return {
            str(Path(entry["base"].lstrip("/"), *entry["below"], entry["name"]))
            for entry in ledger["entries"]
        }

    def endpoint(self, *, host: str = HOST) -> str:
        """The server that our file of a host names; empty when there is none."""
        return server_in(self.host_file("hosts.toml", host=host))


def server_in(hosts_file: Path) -> str:
    """The server that a hosts.toml of ours names; empty when there is none."""
    try:
        text = hosts_file.read_text()
    except FileNotFoundError:
        return ""
    line = next((line for line in text.splitlines() if line.startswith("server = ")), "")
    return line.partition(" = ")[2].strip('"')
