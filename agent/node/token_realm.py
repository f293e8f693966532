"""Whether this node can reach the token realm of a registry that answers 401.

A pull from such a registry first fetches a token from the realm the challenge names, with the
same CA pool (containerd, core/remotes/docker/authorizer.go), resolving its host on the node. A
realm on a cluster name fails there, however well `/v2/` answers (seen on containerd 1.6 to 2.3).
"""

import queue
import socket
import threading
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from agent.errors import Reason
from agent.node.attempt import Answer, Attempt, BlockedError, Site
from agent.planning.evidence import ProbeStep

PORTS = {"https": 443, "http": 80}
SERVER_ERROR = 500


def check_challenges(
    attempt: Attempt,
    challenges: tuple[str, ...],
    ders: tuple[bytes, ...],
    roots: tuple[bytes, ...],
) -> str:
    """Judge a 401 by its challenges, Bearer before others as containerd does; say what it means.

    Raises BlockedError: `realm-unreachable`, or `http-error` when no runtime could answer it.
    """
    schemes = {
        scheme.lower(): rest for scheme, _, rest in (text.partition(" ") for text in challenges)
    }
    if "bearer" in schemes:
        return _check_realm(attempt, schemes["bearer"], ders, roots)
    if "basic" in schemes:
        return "reached; pulls need a pull secret (Basic)"
    raise BlockedError(
        ProbeStep.API, Reason.HTTP_ERROR, "401 without a Bearer or Basic WWW-Authenticate"
    )


def _check_realm(
    attempt: Attempt, challenge: str, ders: tuple[bytes, ...], roots: tuple[bytes, ...]
) -> str:
    realm = ""
    try:
        parameters = parse_keqv_list(parse_http_list(challenge))
        realm = parameters.get("realm", "")
        answer = _ask(attempt, realm, parameters.get("service", ""), ders, roots)
    except BlockedError as blocked:
        raise _unreachable(realm, f"{blocked.reason}: {blocked.detail}") from blocked
    except ValueError as error:
        raise _unreachable(realm, f"not a challenge with an http(s) realm: {error}") from error
    if answer.status >= SERVER_ERROR:
        raise _unreachable(realm, f"it answers {answer.status}")
    return f"reached; tokens come from {_shown(realm)}"


def _ask(
    attempt: Attempt, realm: str, service: str, ders: tuple[bytes, ...], roots: tuple[bytes, ...]
) -> Answer:
    url = urlsplit(realm)
    if url.scheme not in PORTS or not url.hostname:
        raise ValueError(f"{_shown(realm)!r}")
    port = url.port or PORTS[url.scheme]
    site = Site(
        name=url.hostname,
        port=port,
        addresses=_resolve(attempt, url.hostname, port),
        authority=url.netloc.rpartition("@")[2],
    )
    query = "&".join(part for part in (url.query, urlencode({"service": service})) if part)
    secure = url.scheme == "https"
    with attempt.secure(site, ders, roots) if secure else attempt.connect(site) as connection:
        return attempt.get(connection, site, f"{url.path or '/'}?{query}")


def _resolve(attempt: Attempt, host: str, port: int) -> tuple[str, ...]:
    """Addresses of a name, in a thread: `getaddrinfo` has no timeout and cannot be interrupted."""
    found: queue.SimpleQueue[tuple[str, ...] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put(tuple(str(entry[4][0]) for entry in entries))
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=look_up, name="resolve-realm", daemon=True).start()
    try:
        result = found.get(timeout=attempt.remaining())
    except (queue.Empty, TimeoutError) as error:
        detail = f"no answer to the lookup of {host} in time"
        raise BlockedError(ProbeStep.API, Reason.TIMEOUT, detail) from error
    if isinstance(result, Exception):
        raise BlockedError(ProbeStep.API, Reason.UNREACHABLE, f"lookup of {host}: {result}")
    return result


def _unreachable(realm: str, why: str) -> BlockedError:
    detail = f"token realm {_shown(realm)}: {why}"
    return BlockedError(ProbeStep.API, Reason.REALM_UNREACHABLE, detail)


def _shown(realm: str) -> str:
    """Drop what may be secret: user, password, query."""
    scheme, separator, rest = realm.partition("?")[0].partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
