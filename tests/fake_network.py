"""Registries that answer or not, and who asks them: the probe, a runtime that reads the disk."""

import tomllib
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.docker_settings import DockerSettings
from agent.planning.evidence import ProbeResult, ProbeStep, Proof
from agent.planning.model import (
    CA_FILE,
    HOSTS_FILE,
    Folder,
    FoundFolder,
    HostPath,
    RegistriesConf,
    Route,
    RuntimeView,
)
from agent.planning.node_view import DOCKER_ROOT
from agent.planning.pem import find_certificates
from agent.planning.registries_conf import USUAL
from tests.fakes import FakeHostFiles

CLASSIC_STORE = DockerSettings(trust_only=True)


@dataclass(slots=True)
class Network:
    """Which registries answer: the URL of each, and the CA that signed what it serves."""

    serving: dict[str, bytes] = field(default_factory=dict)

    def works(self, url: str, ders: Sequence[bytes]) -> bool:
        return self.serving.get(url) in ders


@dataclass(slots=True, kw_only=True)
class FakeProbe:
    """Goes the way of a pull through the network's table."""

    network: Network
    probed: Counter[Route] = field(default_factory=Counter)

    def probe(self, route: Route) -> ProbeResult:
        self.probed[route] += 1
        url = route.endpoint.url
        if url not in self.network.serving:
            return ProbeResult(
                reached=frozenset(), reason=Reason.CONNECTION_REFUSED, detail="refused"
            )
        if not self.network.works(url, route.ders):
            return ProbeResult(
                reached=frozenset({ProbeStep.TCP}),
                reason=Reason.UNKNOWN_AUTHORITY,
                detail="signed by unknown authority",
            )
        return ProbeResult(reached=frozenset({ProbeStep.TCP, ProbeStep.TLS, ProbeStep.API}))


@dataclass(slots=True, kw_only=True)
class FakeCrio:
    """Reads the fake disk as CRI-O would: drop-ins when reloaded, certificates at every pull.

    `answer`, when set, is what comes of every proof.
    """

    files: FakeHostFiles
    network: Network
    conf: RegistriesConf = USUAL
    pid: int | None = 7
    loaded: dict[str, str] = field(default_factory=dict)
    deaf: NodeTrouble | None = None
    answer: Proof | None = None
    reloads: int = 0

    def observe(self) -> RuntimeView:
        return RuntimeView(
            kind="crio",
            version="1.36.3",
            pid=self.pid,
            socket=HostPath("/var/run/crio/crio.sock"),
            config_file=HostPath("/etc/crio/crio.conf"),
            roots=(),
            identity="crio 1",
            settled=True,
            registries_conf=self.conf,
            layout="kubeadm",
        )

    def signature(self) -> Hashable:
        return "crio 1"

    def reload(self) -> None:
        if self.deaf is not None:
            raise self.deaf
        self.reloads += 1
        content = self.files.tree.get(USUAL.drop_in) or b""
        found = tomllib.loads(content.decode()).get("registry", [])
        self.loaded = {item["prefix"]: item["location"] for item in found}

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:  # noqa: ARG002 - the port's
        return {host: self.answer or self.pull(host) for host in hosts}

    def pull(self, host: str) -> Proof:
        """What the pull of an absent tag meets now."""
        place = self.loaded.get(host)
        if place is None:
            return Proof(reason=Reason.RUNTIME_IGNORES_FILES, detail=f"lookup {host}: no such host")
        ca = self.files.tree.get(f"{USUAL.certificates.path}/{place}/{CA_FILE}") or b""
        ders = tuple(find_certificates(ca.decode("latin-1")))
        if self.network.works(f"https://{place.removesuffix(':443')}", ders):
            return Proof(reason=None, detail="manifest unknown", authority=place)
        return Proof(reason=Reason.PULL_FAILED, detail="x509", authority=place)


@dataclass(slots=True, kw_only=True)
class FakeDocker:
    """Reads the fake disk as Docker's classic image store would: CAs by hostname, at every pull.

    `names` are the URLs that the node itself finds behind a hostname; most nodes find none.
    """

    files: FakeHostFiles
    network: Network
    settings: DockerSettings = CLASSIC_STORE
    names: dict[str, str] = field(default_factory=dict)

    def observe(self) -> RuntimeView:
        return RuntimeView(
            kind="docker",
            version="20.10.24",
            pid=7,
            socket=HostPath("/var/run/docker.sock"),
            config_file=HostPath("/etc/docker/daemon.json"),
            roots=(DOCKER_ROOT,),
            identity=f"docker {self.settings}",
            settled=True,
            layout="kubeadm",
            docker=self.settings,
        )

    def signature(self) -> Hashable:
        return str(self.settings)

    def reload(self) -> None:
        """It reads its files at every pull."""

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:  # noqa: ARG002 - the port's
        return {host: self.pull(host) for host in hosts}

    def pull(self, host: str) -> Proof:
        """What the pull of an absent tag meets now."""
        if not self.settings.trust_only:
            reader = FakeRuntime(files=self.files, network=self.network, roots=(DOCKER_ROOT,))
            return reader.pull(host)
        if host not in self.names:
            return Proof(reason=Reason.CLASSIC_IMAGE_STORE, detail=f"lookup {host}: no such host")
        ca = self.files.tree.get(f"{DOCKER_ROOT.child(host).path}/{CA_FILE}") or b""
        if self.network.works(self.names[host], tuple(find_certificates(ca.decode("latin-1")))):
            return Proof(reason=None, detail="manifest unknown")
        return Proof(reason=Reason.PULL_FAILED, detail="x509: unknown authority")


@dataclass(slots=True, kw_only=True)
class FakeRuntime:
    """Reads the fake disk as containerd would, by readers of its own, and pulls through it.

    `default_works`: names without a directory are pulled through somebody's `_default`.
    `reads` are the roots it really reads, `roots` those that it is thought to. `answer`, when
    set, is what comes of every proof.
    """

    files: FakeHostFiles
    network: Network
    roots: tuple[Folder, ...]
    reads: tuple[Folder, ...] = field(init=False)
    identity: str = "containerd 1"
    default_works: bool = False
    trouble: NodeTrouble | None = None
    problems: tuple[Problem, ...] = ()
    settled: bool = False
    answer: Proof | None = None
    proved: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reads = self.roots

    def observe(self) -> RuntimeView:
        if self.trouble is not None:
            raise self.trouble
        return RuntimeView(
            kind="containerd",
            version="2.1.4",
            pid=7,
            socket=HostPath("/run/containerd/containerd.sock"),
            config_file=HostPath("/etc/containerd/config.toml"),
            roots=self.roots,
            identity=self.identity,
            problems=self.problems,
            settled=self.settled,
            layout="kubeadm",
        )

    def signature(self) -> Hashable:
        return self.identity

    def reload(self) -> None:
        """It reads its files at every pull."""

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:  # noqa: ARG002 - the port's
        self.proved += hosts
        return {host: self.answer or self.pull(host) for host in hosts}

    def pull(self, host: str) -> Proof:
        """What the pull of an absent tag meets now. The first root that knows the host counts."""
        for root in self.reads:
            found = self.files.read(root.child(host))
            if isinstance(found, FoundFolder) and HOSTS_FILE in found.files:
                return self._pull_through(found)
        if self.default_works:
            return Proof(reason=None, detail="not found")
        return Proof(reason=Reason.RUNTIME_IGNORES_FILES, detail=f"lookup {host}: no such host")

    def _pull_through(self, found: FoundFolder) -> Proof:
        try:
            hosts = tomllib.loads(found.files[HOSTS_FILE].decode())
        except ValueError as error:
            return Proof(reason=Reason.PULL_FAILED, detail=str(error))
        if hosts.get("ca") != CA_FILE or CA_FILE not in found.files:
            return Proof(reason=Reason.PULL_FAILED, detail="open ca.crt: no such file")
        ders = tuple(find_certificates(found.files[CA_FILE].decode("latin-1")))
        if self.network.works(str(hosts.get("server")), ders):
            return Proof(reason=None, detail="not found")
        return Proof(reason=Reason.PULL_FAILED, detail="x509: unknown authority")
