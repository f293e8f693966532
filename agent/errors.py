"""What can go wrong, in one vocabulary.

A `Reason` is the slug that users see everywhere: as metric label, log key, and in what `doctor` and
`sync` print. Its Kubernetes Event name is the same words in CamelCase. A `Problem` is one reason
met at one place, in words a person can act on. The three kinds of `Trouble` are the only exceptions
the loop survives; anything else is a bug and ends the process, which the kubelet starts again.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Every reason there is. The value is the public slug; `REMEDIES` says what to do about it."""

    # The API server does not say what is asked for.
    API_UNREACHABLE = "api-unreachable"
    API_FORBIDDEN = "api-forbidden"
    API_REFUSED = "api-refused"

    # What the cluster, or the manifests, ask for cannot be used.
    MANIFESTS_UNREADABLE = "manifests-unreadable"
    BAD_MANIFEST = "bad-manifest"
    DUPLICATE_OBJECT = "duplicate-object"
    BAD_NAME = "bad-name"
    BAD_LABEL = "bad-label"
    TOO_MANY_REGISTRIES = "too-many-registries"
    EXTERNAL_NAME = "external-name"
    HEADLESS = "headless"
    NO_CLUSTER_IP = "no-cluster-ip"
    BAD_ADDRESS = "bad-address"
    NO_IPV4_ADDRESS = "no-ipv4-address"
    NO_PORT = "no-port"
    PLAIN_HTTP_PORT = "plain-http-port"
    AMBIGUOUS_PORT = "ambiguous-port"
    NO_TRUST_BUNDLE = "no-trust-bundle"
    BUNDLE_MALFORMED = "bundle-malformed"
    BUNDLE_EMPTY = "bundle-empty"
    BUNDLE_TOO_LARGE = "bundle-too-large"
    BUNDLE_HAS_PRIVATE_KEY = "bundle-has-private-key"
    BUNDLE_HAS_LEAF = "bundle-has-leaf"
    BUNDLE_EXPIRED = "bundle-expired"
    ALL_ANCHORS_REVOKED = "all-anchors-revoked"
    UNLABELLED_STILL_SERVING = "unlabelled-still-serving"
    WITHDRAWAL_PENDING = "withdrawal-pending"
    HELD = "held"

    # What the trust controller keeps in the cluster.
    NAME_TAKEN = "name-taken"
    AUTHORITY_UNUSABLE = "authority-unusable"
    CERTIFICATE_UNVERIFIABLE = "certificate-unverifiable"
    REQUEST_REFUSED = "request-refused"
    CERTIFICATE_WITHOUT_ADDRESS = "certificate-without-address"

    # The node does not allow it.
    NO_RUNTIME_FOUND = "no-runtime-found"
    RUNTIME_CONFIG_BROKEN = "runtime-config-broken"
    UNSUPPORTED_NODE = "unsupported-node"
    LAYOUT_NOT_MOUNTED = "layout-not-mounted"
    CONFIG_PATH_UNSET = "config-path-unset"
    CONFIG_GENERATED = "config-generated"
    LEGACY_MIRRORS = "legacy-mirrors"
    NEEDS_RESTART = "needs-restart"
    PREFLIGHT_FAILED = "preflight-failed"
    RESTART_FAILED = "restart-failed"
    NEEDS_RELOAD = "needs-reload"
    REGISTRIES_CONF_BROKEN = "registries-conf-broken"
    USER_REGISTRIES_CONF = "user-registries-conf"
    PREFIX_TAKEN = "prefix-taken"
    HOST_TAKEN = "host-taken"
    SHADOWED = "shadowed"
    SYMLINK_REFUSED = "symlink-refused"
    UNLINKED = "unlinked"
    READ_ONLY_FILE_SYSTEM = "read-only-file-system"
    DISK_FULL = "disk-full"
    PERMISSION_DENIED = "permission-denied"
    IO_ERROR = "io-error"
    ANOTHER_AGENT = "another-agent"
    LEDGER_UNREADABLE = "ledger-unreadable"
    CHANGED_BY_OTHERS = "changed-by-others"
    FOUGHT_OVER = "fought-over"

    # The registry cannot be reached as the runtime would.
    CONNECTION_REFUSED = "connection-refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    UNKNOWN_AUTHORITY = "unknown-authority"
    MISSING_IP_SAN = "missing-ip-san"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    TLS_FAILED = "tls-failed"
    HTTP_ERROR = "http-error"
    REALM_UNREACHABLE = "realm-unreachable"

    # The runtime was asked, and this is what it showed.
    RUNTIME_IGNORES_FILES = "runtime-ignores-files"
    NAME_RESOLVES_TO_LOOPBACK = "name-resolves-to-loopback"
    CLASSIC_IMAGE_STORE = "classic-image-store"
    INSECURE_REGISTRY = "insecure-registry"
    RUNTIME_UNREACHABLE = "runtime-unreachable"
    RUNTIME_TIMEOUT = "runtime-timeout"
    PULL_FAILED = "pull-failed"
    PROXIED = "proxied"
    CRI_CLIENT_MISSING = "cri-client-missing"

    # The agent's own endpoint.
    LISTEN_FAILED = "listen-failed"

    @property
    def event(self) -> str:
        """The Kubernetes Event reason: the same words in CamelCase."""
        return "".join(word.capitalize() for word in self.value.split("-"))


REMEDIES: dict[Reason, str] = {
    Reason.API_UNREACHABLE: (
        "check the way from this node to the API server; until then the last good view is kept"
    ),
    Reason.API_FORBIDDEN: "give the account this right; to the agent's own the roles in deploy/ do",
    Reason.API_REFUSED: "read the API server's own words: asked again, it says the same",
    Reason.MANIFESTS_UNREADABLE: "check that the directory exists and that the agent may read it",
    Reason.BAD_MANIFEST: "make the file whole YAML or JSON of Kubernetes objects",
    Reason.DUPLICATE_OBJECT: "keep the object in one file only",
    Reason.BAD_LABEL: "set the label registry-node-agent.internal/registry to 'true' or 'false'",
    Reason.BAD_NAME: "use names that Kubernetes itself would accept",
    Reason.TOO_MANY_REGISTRIES: "remove the registry label from Services that are no registries",
    Reason.EXTERNAL_NAME: "use a Service of type ClusterIP",
    Reason.HEADLESS: "give the Service a ClusterIP: remove `clusterIP: None`",
    Reason.NO_CLUSTER_IP: "wait for the API server to assign one, or set spec.clusterIP",
    Reason.BAD_ADDRESS: "use a ClusterIP outside loopback, link-local and multicast ranges",
    Reason.NO_IPV4_ADDRESS: "give the Service an IPv4 ClusterIP too: CRI-O can use no other",
    Reason.NO_PORT: "give the Service one TCP port that speaks HTTPS",
    Reason.PLAIN_HTTP_PORT: "serve the registry over TLS and name its port `https`",
    Reason.AMBIGUOUS_PORT: "name the registry's port `https`, or set its `appProtocol: https`",
    Reason.NO_TRUST_BUNDLE: "publish the CA certificates under the name --trust-bundle gives",
    Reason.BUNDLE_MALFORMED: "publish whole PEM blocks of type CERTIFICATE",
    Reason.BUNDLE_EMPTY: "publish at least one CA certificate",
    Reason.BUNDLE_TOO_LARGE: "publish only the CA certificates that sign for the registry",
    Reason.BUNDLE_HAS_PRIVATE_KEY: "remove the key, and replace the CA: its key was published",
    Reason.BUNDLE_HAS_LEAF: "publish the CA that signed the certificate instead of the certificate",
    Reason.BUNDLE_EXPIRED: "publish a CA certificate that is valid now",
    Reason.ALL_ANCHORS_REVOKED: "publish a CA certificate that is not revoked",
    Reason.UNLABELLED_STILL_SERVING: (
        "label the Service again, set the label to 'false' to withdraw it, or let old names go by "
        "annotating the Service that has the address with registry-node-agent.internal/apply-held, "
        "or by `sync --apply-held`"
    ),
    Reason.WITHDRAWAL_PENDING: "nothing: it is withdrawn when --withdraw-after has passed",
    Reason.HELD: (
        "repair the registry or the bundle; to force it, annotate "
        "registry-node-agent.internal/apply-held or run `sync --apply-held`"
    ),
    Reason.NAME_TAKEN: (
        "delete or rename the object, or make it ours: label it app.kubernetes.io/managed-by: "
        "registry-node-agent"
    ),
    Reason.CERTIFICATE_UNVERIFIABLE: (
        "nothing was changed: give the registry's Services names and addresses that its CA may "
        "sign for, and report this if they have them"
    ),
    Reason.AUTHORITY_UNUSABLE: (
        "restore the Secret, or delete it: another CA is made, and signs once every node has it"
    ),
    Reason.REQUEST_REFUSED: (
        "ask anew, for a server's certificate and the registry's own names and addresses only"
    ),
    Reason.CERTIFICATE_WITHOUT_ADDRESS: (
        "take the annotation service.beta.openshift.io/serving-cert-secret-name off the Service "
        "and delete the Secret: no node can verify a certificate without the ClusterIP"
    ),
    Reason.NO_RUNTIME_FOUND: (
        "check --host-root and --runtime: containerd, CRI-O, or Docker with cri-dockerd"
    ),
    Reason.RUNTIME_CONFIG_BROKEN: "repair the file: the runtime would not start with it",
    Reason.UNSUPPORTED_NODE: "keep the agent off such nodes by the DaemonSet's affinity",
    Reason.LAYOUT_NOT_MOUNTED: (
        "mount that directory into the DaemonSet below --host-root (deploy/components/layout-* are "
        "ready for some), or correct --layout"
    ),
    Reason.CONFIG_GENERATED: "change what it is made from, as said; an edit of it would be lost",
    Reason.CONFIG_PATH_UNSET: (
        "make the change shown by `plan` and restart containerd once, or let it be done on this "
        "node: `sync --disrupt restart-in-turn`"
    ),
    Reason.LEGACY_MIRRORS: (
        "move registry.mirrors and registry.configs to hosts.toml files: containerd refuses them "
        "together with config_path"
    ),
    Reason.NEEDS_RESTART: "restart containerd, so that it reads its changed configuration",
    Reason.NEEDS_RELOAD: (
        "run `systemctl reload crio` on the node, or let the agent: deploy/components/reload"
    ),
    Reason.REGISTRIES_CONF_BROKEN: "repair the file: CRI-O passes over every change beside it",
    Reason.USER_REGISTRIES_CONF: "move the file away: beside it CRI-O reads nothing in /etc",
    Reason.PREFIX_TAKEN: "remove that entry, or leave this name to its owner",
    Reason.PREFLIGHT_FAILED: "make the change shown by `plan` by hand, and restart once",
    Reason.RESTART_FAILED: "read the unit's log: the runtime's configuration is as before",
    Reason.HOST_TAKEN: "remove the directory, or leave this registry to its owner",
    Reason.SHADOWED: "remove the other directory: the runtime looks there first",
    Reason.SYMLINK_REFUSED: "replace the link by what it leads to: here none is followed",
    Reason.UNLINKED: "restart the agent, so that the directory is mounted anew",
    Reason.READ_ONLY_FILE_SYSTEM: "mount it writable, or leave this node out of the DaemonSet",
    Reason.DISK_FULL: "free space or inodes on the node",
    Reason.PERMISSION_DENIED: "run the agent as root, with the host path mounted writable",
    Reason.IO_ERROR: "check the node's disk and its kernel log",
    Reason.ANOTHER_AGENT: "stop the other agent on this node first",
    Reason.LEDGER_UNREADABLE: "nothing: our own files are recognised by their content",
    Reason.CHANGED_BY_OTHERS: "remove it by hand if nobody needs it",
    Reason.FOUGHT_OVER: (
        "find the program that deletes or changes the directory, and have it leave this one alone"
    ),
    Reason.CONNECTION_REFUSED: "check that the registry's pods are ready and kube-proxy is running",
    Reason.TIMEOUT: "check network policies and the path from this node to the ClusterIP",
    Reason.UNREACHABLE: "check this node's route to the ClusterIP",
    Reason.UNKNOWN_AUTHORITY: "publish the CA that signed the registry's certificate",
    Reason.MISSING_IP_SAN: "issue the certificate with that address as an IP SAN",
    Reason.CERTIFICATE_EXPIRED: "renew the certificate, and check this node's clock",
    Reason.CERTIFICATE_NOT_YET_VALID: "check the certificate's dates and this node's clock",
    Reason.TLS_FAILED: "check that the port speaks TLS 1.2 or later",
    Reason.HTTP_ERROR: "check the registry's own log",
    Reason.REALM_UNREACHABLE: (
        "let the registry name a token realm that nodes can resolve and trust, or allow anonymous "
        "reads"
    ),
    Reason.RUNTIME_IGNORES_FILES: (
        "compare the runtime's own configuration (config_path, registries.conf) with the files of "
        "`plan`, and read its log"
    ),
    Reason.NAME_RESOLVES_TO_LOOPBACK: (
        "remove the name from the node's /etc/hosts and DNS, or use CRI-O 1.35 or later: what "
        "leads to the node itself is not verified"
    ),
    Reason.CLASSIC_IMAGE_STORE: (
        "let Docker 28 or later use the containerd image store (daemon.json: "
        '`"features": {"containerd-snapshotter": true}`; images are pulled anew), or let the '
        "node's own DNS know the name"
    ),
    Reason.INSECURE_REGISTRY: (
        "take the address out of dockerd's insecure-registries: with it nothing is verified"
    ),
    Reason.RUNTIME_UNREACHABLE: "check that the runtime is running and its socket is mounted",
    Reason.RUNTIME_TIMEOUT: "see why the runtime hangs: its log, the node's load; or restart it",
    Reason.PULL_FAILED: "read the runtime's own words",
    Reason.PROXIED: (
        "add the ClusterIP, or the range of Services, to NO_PROXY of the runtime's unit; restart "
        "it: a name such as .svc there does not help"
    ),
    Reason.CRI_CLIENT_MISSING: "install the agent with its `cri` extra",
    Reason.LISTEN_FAILED: "choose another --listen address",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One reason met at one place.

    `where` names the object or path; `detail` is what was found there, one sentence without a
    closing stop. `registry` is the `namespace/name` it concerns, or empty for the whole node.
    """

    reason: Reason
    where: str
    detail: str
    registry: str = ""

    def __str__(self) -> str:
        """One line: reason, place, finding, remedy."""
        return f"{self.reason}: {self.where}: {self.detail}; {REMEDIES[self.reason]}"


class Trouble(Exception):  # noqa: N818 - the domain's word; the subclasses name whose it is
    """Something outside the agent that it can name, report and try again."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class BadInput(Trouble):
    """The cluster or a manifest says something unusable: keep the last good, wait for a change."""


class ClusterTrouble(Trouble):
    """The source of the view cannot be read: nothing is known, so nothing is taken as absent."""


class NodeTrouble(Trouble):
    """The node refuses: its disk, its permissions, its runtime. Tried again at the next pass."""


class ChangedMeanwhile(Exception):  # noqa: N818 - no error: somebody else was quicker
    """The object to be written is not as it was looked at. Nothing is wrong: look again."""
