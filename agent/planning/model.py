"""The nouns: what the cluster asks for, and what the node has.

Frozen values only, so that a plan can be printed, compared and tested without a node. Host paths
are the node's own (`/etc/containerd/...`), never the agent's view of them: only `agent.node`
knows where the host's root is mounted, and the type checker keeps the two apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from typing import NewType, TypeAlias

from agent.errors import Problem, Reason
from agent.planning.docker_settings import DockerSettings

IPAddress: TypeAlias = IPv4Address | IPv6Address
HostPath = NewType("HostPath", str)

HTTPS_PORT, MAX_PORT = 443, 65535
HOSTS_FILE = "hosts.toml"
CA_FILE = "ca.crt"
DROP_IN_FILE = "50-registry-node-agent.conf"
OUR_FILES = (HOSTS_FILE, CA_FILE, DROP_IN_FILE)
HEADER = (
    "# Managed by registry-node-agent. Changes here are overwritten; "
    "remove with: registry-node-agent remove\n"
)
"""The first line of what we write for the runtime: who wrote it, and how to be rid of it."""


# What the cluster asks for


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RegistryName:
    """A registry is named by its Service: `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """One entry of `spec.ports`, as the API server has it."""

    number: int
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceObject:
    """A Service that carries the registry label, not yet judged. `label` is the label's value."""

    registry: RegistryName
    label: str
    type: str
    cluster_ips: tuple[str, ...]
    ports: tuple[ServicePort, ...]
    apply_held: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleObject:
    """A trust bundle as published, not yet judged. `where` names the object for messages."""

    where: str
    pem: str
    revoked: str = ""
    apply_held: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """What the cluster, or the directory of manifests, asks for at one moment.

    `bundles` is keyed by the reference text of `--trust-bundle`; a reference whose object is
    known to be absent is not in it. While `complete` is false, an object that is not here is
    unknown rather than absent, and `problems` say why.
    """

    services: tuple[ServiceObject, ...]
    bundles: Mapping[str, BundleObject]
    complete: bool
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Endpoint:
    """The address and port a cluster hostname is pulled from."""

    address: IPAddress
    port: int

    @property
    def url(self) -> str:
        """`https://10.96.0.50`, `https://10.96.0.50:5000`, `https://[fd00::1]:5000`."""
        return f"https://{self.authority.removesuffix(f':{HTTPS_PORT}')}"

    @property
    def authority(self) -> str:
        """`10.96.0.50:443`, `[fd00::1]:5000`: the port is always there."""
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)  # noqa: PLR2004
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One CA certificate of a bundle. `sha256` is its fingerprint, lower-case hex."""

    der: bytes = field(repr=False)
    subject: str
    not_before: datetime
    not_after: datetime

    @property
    def sha256(self) -> str:
        """Fingerprint as `openssl x509 -fingerprint -sha256` computes it, lower-case, no colons."""
        return sha256(self.der).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustBundle:
    """An accepted bundle: anchors sorted by DER, none of them revoked."""

    anchors: tuple[Anchor, ...]

    @property
    def ders(self) -> tuple[bytes, ...]:
        """The sorted DER set."""
        return tuple(anchor.der for anchor in self.anchors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a cluster hostname is pulled: from which endpoint, trusting which CAs (sorted DER)."""

    endpoint: Endpoint
    ders: tuple[bytes, ...] = field(repr=False)

    @property
    def trust_sha256(self) -> str:
        """SHA-256 over the sorted DER set, lower-case hex: the bundle's public name."""
        return sha256(b"".join(self.ders)).hexdigest()

    @property
    def anchors(self) -> tuple[str, ...]:
        """The SHA-256 fingerprint of each CA, lower-case hex."""
        return tuple(sha256(der).hexdigest() for der in self.ders)


# What the node has


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Folder:
    """A directory on the node in which we may write.

    `base` is resolved as the node would resolve it, links included; the names in `below` are
    made by us where they are missing, and none of them may be a link.
    """

    base: HostPath
    below: tuple[str, ...] = ()

    @property
    def path(self) -> HostPath:
        """The whole path on the node."""
        return HostPath("/".join((self.base.rstrip("/"), *self.below)))

    @property
    def name(self) -> str:
        """The last component."""
        return self.below[-1]

    @property
    def parent(self) -> "Folder":
        """The folder that holds this one; its base has none."""
        return Folder(base=self.base, below=self.below[:-1])

    def child(self, name: str) -> "Folder":
        """A folder in this one."""
        return Folder(base=self.base, below=(*self.below, name))


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing stands at the folder's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Something stands at the folder's place that is not a directory of its own."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFolder:
    """A directory, with the bytes of `OUR_FILES` as far as they are there as plain files.

    `others` are the names of everything else in it, `links` those of `OUR_FILES` that are links.
    """

    files: Mapping[str, bytes]
    others: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


Found: TypeAlias = Missing | Blocked | FoundFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistriesConf:
    """Where CRI-O is told of registries: by one drop-in of ours, and by certificates per endpoint.

    `prefixes` are the names that others have configured, and the file that does. `preferred` are
    the directories of certificates, by `address:port`, that it takes instead of those below
    `certificates`. `reloads_itself` means that it watches the drop-ins; else they are read when it
    is reloaded.
    """

    drop_ins: Folder
    certificates: Folder
    prefixes: Mapping[str, HostPath] = field(default_factory=dict)
    preferred: Mapping[str, HostPath] = field(default_factory=dict)
    reloads_itself: bool = False

    @property
    def drop_in(self) -> HostPath:
        """The whole path of our drop-in."""
        return HostPath(f"{self.drop_ins.path}/{DROP_IN_FILE}")

    @property
    def folders(self) -> tuple[Folder, ...]:
        """The directories that are shared with others."""
        return (self.drop_ins, self.certificates)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """One file of the runtime's own configuration, as it is (None: not there) and as it must be."""

    path: HostPath
    before: bytes | None = field(repr=False)
    after: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeView:
    """The container runtime, and where it looks for per-registry configuration.

    `roots` are the folders that get a directory per hostname, where it reads hosts.toml files;
    `registries_conf` is where else it is told of registries. `version` is empty while unknown.
    `identity` changes whenever the process, its version or its configuration files change.
    `change_needed` is a unified diff of the runtime's own configuration, for a person to make;
    `change` is the same, for us, where it may be made by us.
    `settled` means that the process was started after its configuration was last changed: while
    it is not, the process may read other roots than these. `silence` is why it did not tell its
    version when it was last asked; None when it did. `layout` is which distribution set it up, in
    words; `docker` what the runtime is set to where it is Docker.
    """

    kind: str
    version: str
    pid: int | None
    socket: HostPath
    config_file: HostPath
    roots: tuple[Folder, ...]
    identity: str
    problems: tuple[Problem, ...] = ()
    change_needed: str = ""
    change: ConfigChange | None = None
    settled: bool = False
    silence: Problem | None = None
    registries_conf: RegistriesConf | None = None
    layout: str = ""
    docker: DockerSettings | None = None

    @property
    def places(self) -> tuple[Folder, ...]:
        """The folders that it reads per-registry configuration from."""
        return self.registries_conf.folders if self.registries_conf else self.roots

    @property
    def title(self) -> str:
        """Kind and version, as far as known: `containerd 2.1.9`."""
        return f"{self.kind} {self.version}".rstrip()
