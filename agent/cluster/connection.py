"""How the API server is reached: by the pod's own service account, or by a kubeconfig.

The official client does what is hard to do well: configuration, authentication, TLS, proxies, the
connection pool. It is made anew when a file that it was made from has changed (the kubelet renews
the token and the CA about once an hour), and when the server no longer takes our token: the
client's own timer for that goes by the wall clock, which may be set back.
"""

import os
import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from agent.cluster.bounded_pool import OpenSockets, bounded_pool
from agent.cluster.lean_client import (
    SERVICE_CERT_FILENAME,
    SERVICE_TOKEN_FILENAME,
    ApiClient,
    ConfigException,
    Configuration,
    InClusterConfigLoader,
)
from agent.plain_file import signature_of
from agent.planning.secrets import redact_words

_LAST_OF_LATIN_1 = "\xff"


class NoConnectionError(Exception):
    """What a client is made from cannot be read now: a token, a CA, a kubeconfig."""


class Access(Protocol):
    """Where address and credentials come from; `files` are those that `load` reads."""

    files: tuple[Path, ...]

    def load(self, configuration: Configuration) -> None:
        """Fill in address, CA and credentials. Raises NoConnectionError."""
        ...


class InCluster:
    """The service account that the kubelet gives to a pod."""

    def __init__(
        self,
        *,
        token: Path = Path(SERVICE_TOKEN_FILENAME),
        authority: Path = Path(SERVICE_CERT_FILENAME),
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.files: tuple[Path, ...] = (token, authority)
        self._loader = InClusterConfigLoader(
            token_filename=str(token),
            cert_filename=str(authority),
            try_refresh_token=False,
            environ=environment,
        )

    def load(self, configuration: Configuration) -> None:
        """Fill in address, CA and token. Raises NoConnectionError."""
        with _unreadable():
            self._loader.load_and_set(configuration)


class Kubeconfig:
    """The current context of a kubeconfig file."""

    def __init__(self, path: Path) -> None:
        self.files: tuple[Path, ...] = (path,)

    def load(self, configuration: Configuration) -> None:
        """Fill in address, CA and credentials. Raises NoConnectionError."""
        from kubernetes.config import load_kube_config  # noqa: PLC0415 - 9 MiB for a pod to spare
        from yaml import YAMLError  # noqa: PLC0415 - likewise

        # Whatever is missing in the file, or is of another type, its loader takes for granted.
        with _unreadable(YAMLError, AttributeError, KeyError, TypeError, RecursionError):
            load_kube_config(
                config_file=str(self.files[0]),
                client_configuration=configuration,
                persist_config=False,
            )


def access_by(kubeconfig: Path | None) -> Access:
    """The kubeconfig if one is given, else the pod's service account."""
    return InCluster() if kubeconfig is None else Kubeconfig(kubeconfig)


class Connection:
    """Keeps one client that is up to date. Every method may be called by any thread."""

    def __init__(self, access: Access, *, user_agent: str) -> None:
        self._access = access
        self._user_agent = user_agent
        self._lock = threading.Lock()
        self._sockets = OpenSockets()
        self._client: ApiClient | None = None
        self._made_from: Hashable = None

    @property
    def server(self) -> str:
        """The API server's URL, once it is known."""
        client = self._client
        return str(client.configuration.host) if client else "the API server"

    def client(self) -> ApiClient:
        """The client to make the next request with. Raises NoConnectionError."""
        with self._lock:
            client = self._client
            if client is None or self._made_from != (
                _signatures(self._access.files),
                _signatures(_files_of(client)),
            ):
                client = self._renew()
            return client

    def renew(self) -> None:
        """Let the next request read the credentials anew."""
        with self._lock:
            self._made_from = None

    def close(self) -> None:
        """End whatever waits for an answer, for good."""
        self._sockets.cut_all()
        with self._lock:
            if self._client is not None:
                self._client.close()

    def _renew(self) -> ApiClient:
        before = _signatures(self._access.files)
        configuration = Configuration()
        configuration.retries = False  # nor redirects: back-off is ours, with a fleet in mind
        configuration.keep_alive = True
        self._access.load(configuration)
        configuration.refresh_api_key_hook = None  # puts the token back as it was, at each request
        configuration.api_key = {
            name: _sendable(value) for name, value in configuration.api_key.items()
        }
        with _unreadable(ImportError):  # of a library for a kind of proxy that is not installed
            client = ApiClient(configuration)
        if self._client is not None:
            self._client.close()
        self._client = client
        client.user_agent = self._user_agent
        pools = client.rest_client.pool_manager
        pools.pool_classes_by_scheme = {
            **pools.pool_classes_by_scheme,
            "https": bounded_pool(self._sockets),
        }
        self._made_from = (before, _signatures(_files_of(client)))
        return client


def _files_of(client: ApiClient) -> list[Path]:
    """The files that a connection of this client reads: the CA, and its own certificate."""
    configuration = client.configuration
    paths = (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
    return [Path(path) for path in paths if path]


def _sendable(token: str) -> str:
    """The token without the line's end of its file. Raises NoConnectionError, never with it."""
    token = token.strip()
    if not token.isprintable() or max(token, default="") > _LAST_OF_LATIN_1:
        raise NoConnectionError("the token has a character that no header can carry")
    return token


@contextmanager
def _unreadable(*odd: type[Exception]) -> Iterator[None]:
    expected: tuple[type[Exception], ...] = (ConfigException, OSError, ValueError, *odd)
    try:
        yield
    except expected as error:
        raise NoConnectionError(redact_words(" ".join(str(error).split()))) from error


def _signatures(files: Iterable[Path]) -> Hashable:
    return tuple(_signature(path) for path in files)


def _signature(path: Path) -> Hashable:
    try:
        return signature_of(path.stat())
    except OSError as error:
        return error.errno
