"""The Docker daemon's own view of things, asked through its API over the socket.

HTTP by the standard library, which is loaded already for probing registries: no child is needed.
Every call has one deadline for all of it (attempt). A pull that fails, as that of a tag that
cannot exist does, stores nothing; closing the connection ends one that does not end by itself
(moby, daemon/server/router/image/image_routes.go, postImagesCreate).
"""

import http.client
import json
import os
import re
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode

from agent.errors import Problem, Reason
from agent.node.attempt import USER_AGENT, Attempt, Bounded
from agent.node.docker_verdict import judge_docker_pull
from agent.node.pull_verdict import ABSENT_REPOSITORY, absent_image
from agent.node.seen_path import seen_path
from agent.planning.docker_settings import DockerSettings
from agent.planning.evidence import Proof
from agent.planning.model import HostPath

MAX_BYTES = 1 << 20
PARALLEL = 8
CONTAINERD_STORE = ["driver-type", "io.containerd.snapshotter.v1"]
"""In `DriverStatus`, where images are kept by containerd (moby, daemon/info.go)."""
HOSTS_FILES_FROM = (1, 48)
"""The API of moby 28.0, the first that reads hosts.toml there (daemon/hosts.go; 26.1 was seen not
to). Told by the API's version, for that of the daemon is whatever its packager calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerInfo:
    """What a daemon tells of itself."""

    version: str
    settings: DockerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """`api` is the version of the API that answered."""

    status: int
    body: bytes
    api: tuple[int, int]


class DockerClient:
    """Asks the Docker daemon of this node. Safe to use from several threads."""

    def __init__(self, host_root: Path, *, call_seconds: float = 10.0) -> None:
        self._host_root = host_root
        self._call_seconds = call_seconds

    def info(self, socket_path: HostPath) -> DockerInfo | Problem:
        """Version and settings of the daemon behind a socket; why, when it does not tell."""
        try:
            answer = self._call(socket_path, "GET", "/info")
            found = json.loads(answer.body)
            settings = _settings(found, reads_hosts_files=answer.api >= HOSTS_FILES_FROM)
            version = str(found["ServerVersion"]).removeprefix("v")
            return DockerInfo(version=version, settings=settings)
        except TimeoutError:
            detail = f"it did not tell about itself within {self._call_seconds:g} s"
            return Problem(reason=Reason.RUNTIME_TIMEOUT, where=socket_path, detail=detail)
        except (OSError, http.client.HTTPException) as error:
            words = f"cannot ask the runtime: {error}"
            return Problem(reason=Reason.RUNTIME_UNREACHABLE, where=socket_path, detail=words)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            words = "what answers there is not Docker"
            return Problem(reason=Reason.RUNTIME_UNREACHABLE, where=socket_path, detail=words)

    def prove(
        self, *, socket_path: HostPath, hosts: Sequence[str], trust_only: bool
    ) -> dict[str, Proof]:
        """Let it pull a tag that cannot exist from each host, and judge what it met.

        Several at once, so that one slow host delays few others.
        """
        if not hosts:
            return {}
        prove = partial(self._prove, socket_path, trust_only)
        with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="docker") as pool:
            return dict(zip(hosts, pool.map(prove, hosts), strict=True))

    def _prove(self, socket_path: HostPath, trust_only: bool, host: str) -> Proof:
        query = urlencode({"fromImage": f"{host}/{ABSENT_REPOSITORY}", "tag": "absent"})
        try:
            answer = self._call(socket_path, "POST", f"/images/create?{query}")
        except TimeoutError:
            detail = f"the pull did not end within {self._call_seconds:g} s"
            return Proof(reason=Reason.TIMEOUT, detail=detail)
        except (OSError, http.client.HTTPException) as error:
            words = f"cannot ask the runtime: {error}"
            return Proof(reason=Reason.RUNTIME_UNREACHABLE, detail=words)
        words = refusal_in(answer.body)
        if not words and answer.status == http.client.OK:
            self._forget(socket_path, host)
        return judge_docker_pull(
            host=host, status=answer.status, words=words, trust_only=trust_only
        )

    def _forget(self, socket_path: HostPath, host: str) -> None:
        """Take the tag away that was not expected to exist; other names of the image stay."""
        image = quote(absent_image(host), safe="/:")
        try:
            self._call(socket_path, "DELETE", f"/images/{image}")
        except (OSError, http.client.HTTPException):
            return  # it is a tag that nobody uses, and the next proof tries again

    def _call(self, socket_path: HostPath, method: str, target: str) -> _Answer:
        """One request, and its answer. Raises OSError, TimeoutError, HTTPException."""
        attempt = Attempt(connect_seconds=self._call_seconds, total_seconds=self._call_seconds)
        seen = seen_path(self._host_root, socket_path)
        with _connected(seen, seconds=self._call_seconds) as connection:
            client = http.client.HTTPConnection("docker")
            client.sock = cast("socket.socket", Bounded(connection, attempt))
            client.request(method, target, headers={"User-Agent": USER_AGENT})
            with client.getresponse() as response:
                api = re.match(r"(\d+)\.(\d+)", response.headers.get("Api-Version", ""))
                return _Answer(
                    status=response.status,
                    body=response.read(MAX_BYTES),
                    api=(int(api[1]), int(api[2])) if api else (0, 0),
                )


def refusal_in(body: bytes) -> str:
    """Why a pull failed: `message` of an error, or `error` of a line of progress; else empty."""
    for line in body.decode(errors="replace").splitlines():
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        match found:
            case {"message": str(words)} | {"error": str(words)}:
                return words
            case _:
                continue
    return ""


def _settings(info: Mapping[str, Any], *, reads_hosts_files: bool) -> DockerSettings:
    by_containerd = CONTAINERD_STORE in (info.get("DriverStatus") or [])
    registries = info.get("RegistryConfig") or {}
    named = registries.get("IndexConfigs") or {}
    proxies = {"HTTPS_PROXY": info.get("HttpsProxy"), "NO_PROXY": info.get("NoProxy")}
    return DockerSettings(
        trust_only=not (by_containerd and reads_hosts_files),
        insecure=(
            *sorted(registries.get("InsecureRegistryCIDRs") or []),
            *sorted(name for name, index in named.items() if not index["Secure"]),
        ),
        proxies={name: text for name, text in proxies.items() if text},
    )


def _connected(path: Path, *, seconds: float) -> socket.socket:
    """A connection to a socket, whose path may be longer than the 107 bytes that AF_UNIX takes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(seconds)
            connection.connect(f"/proc/self/fd/{folder}/{path.name}")
        except OSError:
            connection.close()
            raise
        return connection
    finally:
        os.close(folder)
