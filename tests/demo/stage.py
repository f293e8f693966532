"""What the demo plays on: a node, a containerd, a registry, and the two objects of a cluster."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from tests.demo.agent import CLONE, Agent
from tests.ground import programs
from tests.ground.certificates import Authority
from tests.ground.debian import ProgramMissingError
from tests.ground.manifests import Manifests
from tests.ground.node import Node
from tests.ground.programs import Program
from tests.ground.registry import Registry
from tests.ground.snapshot import Entry

HOST = "knative.registry.svc.cluster.local"
IMAGE = f"{HOST}/app/hello:v1"
ADDRESS, NEW_ADDRESS = "10.96.0.50", "10.96.0.77"
SERVICE = CLONE / "deploy/examples/manifests/registry-service.yaml"
_HOSTS = (HOST, f"{HOST}:443", "knative.registry.svc", "knative.registry.svc:443")
_WITHOUT_GO = ("2.1", "1.7", "1.6")


@dataclass(kw_only=True)
class Stage:
    """Everything set up; nothing of the agent has run yet."""

    node: Node
    registry: Registry
    manifests: Manifests
    agent: Agent
    authority: Authority
    before: Mapping[str, Entry]
    seconds: float

    @property
    def certs_d(self) -> Path:
        """Where containerd looks for its per-registry configuration."""
        return self.node.root / "etc/containerd/certs.d"

    @property
    def host_directories(self) -> tuple[Path, ...]:
        """What the agent makes for one Service on port 443: every form of its name."""
        return tuple(self.certs_d / host for host in _HOSTS)

    def publish_service(self, *, address: str) -> None:
        """Put the example Service into the directory, with that ClusterIP."""
        self.manifests.write(SERVICE.name, SERVICE.read_text().replace(ADDRESS, address))

    def publish_bundle(self, pem: str) -> None:
        """Put the trust bundle there."""
        self.manifests.trust_bundle(pem)


def newest_containerd() -> Program:
    """The newest that Debian packages, so that no compiler is needed."""
    refusals: list[str] = []
    for version in _WITHOUT_GO:
        try:
            return programs.containerd(version)
        except ProgramMissingError as trouble:
            refusals.append(str(trouble))
    raise ProgramMissingError("; ".join(refusals))


def fetch() -> Iterator[tuple[str, Program]]:
    """Every program that is needed, out of the cache or into it, each as soon as it is there."""
    yield "docker-registry", programs.docker_registry()
    yield "nginx", programs.nginx()
    yield "iproute2", programs.iproute2()
    yield "containerd", newest_containerd()


@contextmanager
def set_up() -> Iterator[Stage]:
    """The stage; all of it is gone at the end, also when it is left half made."""
    containerd = newest_containerd()
    began = monotonic()
    with (
        TemporaryDirectory(prefix="rna-stage-", dir="/tmp") as place,
        Node(containerd=containerd, directory=Path(place)) as node,
        Registry(node=node) as registry,
    ):
        authority = Authority.create(name="registry CA, the first")
        registry.push("app/hello")
        certificate = authority.issue(dns=[HOST], ips=[ADDRESS])
        registry.open_front("first", address=ADDRESS, certificate=certificate)
        node.start_containerd()
        directory = node.root / "run/manifests"
        directory.mkdir()
        yield Stage(
            node=node,
            registry=registry,
            manifests=Manifests(directory=directory),
            agent=Agent(node=node, view=f"--manifests={directory}"),
            authority=authority,
            before=node.snapshot(),
            seconds=monotonic() - began,
        )
