"""A real control plane: etcd and kube-apiserver with TLS, RBAC and service account tokens.

On the machine it listens on loopback, where a test reaches it from its own process; on a node it
has the address that Pods know, in that node's network. etcd has a socket in the file system and
does not wait for the disk: its state outlives a kill of the process, not of the machine.
"""

import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from tests.ground import programs
from tests.ground.closing import Starting
from tests.ground.cluster_access import ADMIN, ADMINS, ClusterAccess
from tests.ground.kubectl import Kubectl
from tests.ground.machine import Machine, Place
from tests.ground.server import Server

SERVICE_RANGES = "10.96.0.0/16,fd00:10:96::/112"
API_ADDRESS = "10.96.0.1"  # what the Service `kubernetes` gets in that range
API_PORT = 6443
ISSUER = "https://kubernetes.default.svc.cluster.local"
_DNS = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


class ControlPlane(Starting):
    """etcd and the API server, each of which can be stopped, killed and started on its own."""

    def __init__(
        self,
        *,
        place: Place,
        directory: Path,
        address: str,
        port: int,
        api_server_flags: Sequence[str] = (),
    ) -> None:
        """Nothing runs yet. A socket lies in `directory`, so its path has to be short."""
        self.place = place
        self.directory = directory
        self.access = ClusterAccess(url=f"https://{address}:{port}")
        self.kubeconfig = self.write_kubeconfig(ADMIN, groups=(ADMINS,))
        self.kubectl = Kubectl(place=place, kubeconfig=self.kubeconfig)
        self.etcd = self._etcd()
        self.api_server = self._api_server(address, port, flags=api_server_flags)

    def start(self) -> None:
        """Start both, and return when the API server is ready."""
        self.etcd.start()
        self.api_server.start()

    def close(self) -> None:
        """End both at once."""
        self.api_server.kill()
        self.etcd.kill()

    def create_namespace(self) -> str:
        """A new namespace with a name that no other has."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.kubectl("create", "namespace", name)
        return name

    def write_kubeconfig(self, user: str, *, groups: tuple[str, ...] = ()) -> Path:
        """A kubeconfig file with a client certificate for that user."""
        text = self.access.kubeconfig(user, groups=groups)
        return self._write(f"{user.replace(':', '-')}.kubeconfig", text)

    def write_service_account_kubeconfig(
        self, namespace: str, name: str, *, node: str | None = None
    ) -> Path:
        """A kubeconfig file with a token of a service account, bound to a Node when one is named.

        The account has to be there. A token of a Pod on that Node tells the API server the same
        name and uid of the Node.
        """
        bound = ["--bound-object-kind=Node", f"--bound-object-name={node}"] if node else []
        token = self.kubectl("create", "token", name, f"--namespace={namespace}", *bound).strip()
        text = self.access.kubeconfig_with_token(token)
        return self._write("-".join((namespace, name, node or "any")) + ".kubeconfig", text)

    def _etcd(self) -> Server:
        program = programs.etcd()
        peers = f"unix://{self.directory}/peers"
        command = [
            str(program.executable),
            f"--data-dir={self.directory}/etcd",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]
        return Server(
            command=command,
            place=self.place,
            log=self.directory / "etcd.log",
            is_ready=self._etcd_listens,
        )

    def _api_server(self, address: str, port: int, *, flags: Sequence[str]) -> Server:
        authority = self._write("ca.crt", self.access.authority.pem)
        certificate = self.access.authority.issue(dns=_DNS, ips=sorted({address, API_ADDRESS}))
        chain = self._write("api-server.crt", certificate.chain_pem)
        key = self._write("api-server.key", certificate.key_pem)
        loopback = ip_address(address).is_loopback  # which is no endpoint of a Service
        admin = self.access.authority.issue_client(ADMIN, groups=(ADMINS,))
        command = [
            str(programs.kubernetes("kube-apiserver").executable),
            f"--etcd-servers={self._etcd_url}",
            f"--bind-address={address}",
            f"--advertise-address={address}",
            f"--secure-port={port}",
            f"--endpoint-reconciler-type={'none' if loopback else 'lease'}",
            f"--tls-cert-file={chain}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={authority}",
            f"--kubelet-client-certificate={self._write('kubelets.crt', admin.chain_pem)}",
            f"--kubelet-client-key={self._write('kubelets.key', admin.key_pem)}",
            "--kubelet-preferred-address-types=InternalIP",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={chain}",
            f"--service-account-signing-key-file={key}",
            f"--service-cluster-ip-range={SERVICE_RANGES}",
            "--allow-privileged=true",
            "--shutdown-delay-duration=0s",
            "--profiling=false",
            *flags,
        ]
        return Server(
            command=command,
            place=self.place,
            log=self.directory / "kube-apiserver.log",
            is_ready=self.kubectl.answers,
        )

    @property
    def _etcd_url(self) -> str:
        return f"unix://{self.directory}/etcd.sock"

    def _etcd_listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.directory / "etcd.sock")) == 0

    def _write(self, name: str, text: str) -> Path:
        place = self.directory / name
        place.touch(mode=0o600)
        place.write_text(text)
        return place


@contextmanager
def on_machine() -> Iterator[ControlPlane]:
    """A running control plane on loopback."""
    directory = Path(tempfile.mkdtemp(prefix="rna-"))
    try:
        with (
            Machine() as machine,
            ControlPlane(
                place=machine, directory=directory, address="127.0.0.1", port=_free_port()
            ) as plane,
        ):
            yield plane
    finally:
        shutil.rmtree(directory)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
