"""Which line of `doctor` a reason belongs to: one table over all of them, so that none is lost."""

from enum import Enum, auto

from agent.errors import Reason


class Line(Enum):
    """The kinds of lines, in the order in which they stand. `PULL` is several, one a step."""

    LAYOUT = auto()
    RUNTIME = auto()
    REQUESTS = auto()
    STATE = auto()
    FILES = auto()
    PULL = auto()


_REASONS: dict[Line, tuple[Reason, ...]] = {
    Line.LAYOUT: (
        Reason.UNSUPPORTED_NODE,
        Reason.LAYOUT_NOT_MOUNTED,
        Reason.CONFIG_GENERATED,
    ),
    Line.RUNTIME: (
        Reason.NO_RUNTIME_FOUND,
        Reason.RUNTIME_CONFIG_BROKEN,
        Reason.CONFIG_PATH_UNSET,
        Reason.LEGACY_MIRRORS,
        Reason.NEEDS_RESTART,
        Reason.PREFLIGHT_FAILED,
        Reason.RESTART_FAILED,
        Reason.NEEDS_RELOAD,
        Reason.REGISTRIES_CONF_BROKEN,
        Reason.USER_REGISTRIES_CONF,
        Reason.RUNTIME_UNREACHABLE,
        Reason.RUNTIME_TIMEOUT,
        Reason.CRI_CLIENT_MISSING,
    ),
    Line.REQUESTS: (
        Reason.API_UNREACHABLE,
        Reason.API_FORBIDDEN,
        Reason.API_REFUSED,
        Reason.MANIFESTS_UNREADABLE,
        Reason.BAD_MANIFEST,
        Reason.DUPLICATE_OBJECT,
        Reason.BAD_NAME,
        Reason.BAD_LABEL,
        Reason.TOO_MANY_REGISTRIES,
        Reason.EXTERNAL_NAME,
        Reason.HEADLESS,
        Reason.NO_CLUSTER_IP,
        Reason.BAD_ADDRESS,
        Reason.NO_IPV4_ADDRESS,
        Reason.NO_PORT,
        Reason.PLAIN_HTTP_PORT,
        Reason.AMBIGUOUS_PORT,
        Reason.NO_TRUST_BUNDLE,
        Reason.BUNDLE_MALFORMED,
        Reason.BUNDLE_EMPTY,
        Reason.BUNDLE_TOO_LARGE,
        Reason.BUNDLE_HAS_PRIVATE_KEY,
        Reason.BUNDLE_HAS_LEAF,
        Reason.BUNDLE_EXPIRED,
        Reason.NAME_TAKEN,  # only `issue` meets this and the next four
        Reason.AUTHORITY_UNUSABLE,
        Reason.CERTIFICATE_UNVERIFIABLE,
        Reason.REQUEST_REFUSED,
        Reason.CERTIFICATE_WITHOUT_ADDRESS,
    ),
    Line.STATE: (
        Reason.ANOTHER_AGENT,
        Reason.LEDGER_UNREADABLE,
        Reason.LISTEN_FAILED,  # only a `run` meets it
    ),
    Line.FILES: (
        Reason.HELD,
        Reason.ALL_ANCHORS_REVOKED,
        Reason.UNLABELLED_STILL_SERVING,
        Reason.WITHDRAWAL_PENDING,
        Reason.HOST_TAKEN,
        Reason.PREFIX_TAKEN,
        Reason.SHADOWED,
        Reason.SYMLINK_REFUSED,
        Reason.UNLINKED,
        Reason.READ_ONLY_FILE_SYSTEM,
        Reason.DISK_FULL,
        Reason.PERMISSION_DENIED,
        Reason.IO_ERROR,
        Reason.CHANGED_BY_OTHERS,
        Reason.FOUGHT_OVER,
    ),
    Line.PULL: (
        Reason.CONNECTION_REFUSED,
        Reason.TIMEOUT,
        Reason.UNREACHABLE,
        Reason.UNKNOWN_AUTHORITY,
        Reason.MISSING_IP_SAN,
        Reason.CERTIFICATE_EXPIRED,
        Reason.CERTIFICATE_NOT_YET_VALID,
        Reason.TLS_FAILED,
        Reason.HTTP_ERROR,
        Reason.REALM_UNREACHABLE,
        Reason.RUNTIME_IGNORES_FILES,
        Reason.NAME_RESOLVES_TO_LOOPBACK,
        Reason.CLASSIC_IMAGE_STORE,
        Reason.INSECURE_REGISTRY,
        Reason.PULL_FAILED,
        Reason.PROXIED,
    ),
}
_LINES = {reason: line for line, reasons in _REASONS.items() for reason in reasons}


def line_of(reason: Reason) -> Line:
    """The line that a problem with this reason stands in, unless it knows better where it was."""
    return _LINES[reason]
