"""Where the bench takes place: one node whose network holds the API server and all its clients."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.scale import cluster_objects
from tests.bench.scale.audit import AuditLog
from tests.bench.scale.hand import Hand
from tests.bench.scale.inhabitant import Inhabitant
from tests.bench.scale.names import AGENT, API_ADDRESS, API_PORT, SIMULATED
from tests.demo.agent import CLONE
from tests.demo.stage import newest_containerd
from tests.ground.certificates import Authority
from tests.ground.control_plane import ControlPlane
from tests.ground.node import Node

FIRST_PORT = 10000


@dataclass(kw_only=True)
class Site:
    """The control plane, and what its clients are told. A change of the Service is a new port."""

    hub: Node
    directory: Path
    plane: ControlPlane
    audit: AuditLog
    hand: Hand
    authority: Authority
    port: int = FIRST_PORT

    @property
    def token(self) -> Path:
        """The token file of the simulated nodes' service account."""
        return self.directory / "token"

    @property
    def cluster_authority(self) -> Path:
        """The file with the API server's CA."""
        return self.directory / "ca.crt"

    def next_port(self) -> int:
        """One that the Service has not had yet."""
        self.port += 1
        return self.port

    def start_afresh(self) -> None:
        """A new API server process, which has seen no client yet."""
        self.plane.api_server.stop()
        self.audit.restart()
        self.plane.api_server.start()

    @property
    def api_server_mib(self) -> float:
        """Resident memory of the API server."""
        lines = Path(f"/proc/{self.plane.api_server.pid}/status").read_text().splitlines()
        kib = next(line.split()[1] for line in lines if line.startswith("VmRSS:"))
        return int(kib) / 1024


@contextmanager
def set_up() -> Iterator[Site]:
    """The site; all of it is gone at the end, also when it is left half made."""
    containerd = newest_containerd()
    with TemporaryDirectory(prefix="rna-", dir="/tmp") as place:
        directory = Path(place)
        with Node(containerd=containerd, name="hub", directory=directory) as hub:
            hub.add_address(API_ADDRESS)
            audit = AuditLog(directory)
            plane = ControlPlane(
                place=hub,
                directory=directory,
                address=API_ADDRESS,
                port=API_PORT,
                api_server_flags=audit.flags,
            )
            authority = Authority.create(name="registry CA")
            with plane:
                objects = cluster_objects.all_objects(bundle_pem=authority.pem, port=FIRST_PORT)
                for part in ("namespaces", "base"):
                    plane.kubectl("apply", f"--kustomize={CLONE / 'deploy' / part}")
                plane.kubectl.apply(*objects)
                token = plane.kubectl("create", "token", SIMULATED, f"--namespace={AGENT}")
                (directory / "token").write_text(token.strip())
                with Inhabitant[Hand](
                    node=hub, directory=directory, kind="hand", argument=plane.kubeconfig
                ) as hand:
                    yield Site(
                        hub=hub,
                        directory=directory,
                        plane=plane,
                        audit=audit,
                        hand=hand.object,
                        authority=authority,
                    )
