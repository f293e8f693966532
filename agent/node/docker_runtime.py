"""The node's Docker: where it is asked, what it is set to, and how it pulls.

It reads a host's directory at every pull and cannot be told of another place, so there is nothing
to turn on, to reload or to restart. What kind of files it reads there depends on its image store,
and only dockerd itself tells which one it has.
"""

import json
from collections.abc import Hashable, Mapping, Sequence
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.containerd_config_reader import MAX_BYTES, state_of
from agent.node.docker import DockerClient, DockerInfo
from agent.node.node_trouble import node_trouble
from agent.node.processes import Daemon, find_daemons, start_time
from agent.node.remembered_daemon import RememberedDaemon
from agent.node.resolved_names import addresses_of
from agent.node.seen_path import seen_path
from agent.plain_file import NotPlainError, read_plain_file
from agent.planning.docker_settings import DockerSettings
from agent.planning.evidence import Proof
from agent.planning.model import HostPath, RuntimeView
from agent.planning.node_view import DOCKER_ROOT

KIND = "docker"
DEFAULT_CONFIG = HostPath("/etc/docker/daemon.json")
DEFAULT_SOCKET = HostPath("/var/run/docker.sock")
_UNIX = "unix://"


class DockerRuntime:
    """The node's Docker. `observe` and `prove` for one thread, `signature` for any."""

    def __init__(self, host_root: Path, *, client: DockerClient) -> None:
        self._host_root = host_root
        self._proc = host_root / "proc"
        self._client = client
        self._remembered = RememberedDaemon(self._proc, self._search)
        self._daemon: Daemon | None = None
        self._watched: tuple[HostPath, ...] = (DEFAULT_CONFIG, DEFAULT_SOCKET)
        self._info: DockerInfo | None = None

    def running(self) -> bool:
        """Whether a dockerd runs on this node. Raises NodeTrouble when /proc cannot be read."""
        return self._remembered.find() is not None

    def observe(self) -> RuntimeView:
        """Which Docker, and what it reads; one that does not answer is as it was last known.

        Raises NodeTrouble: what the kernel refused, or that it never told which store it has, for
        then it is not known which files are right.
        """
        daemon = self._daemon = self._remembered.find()
        options = daemon.options if daemon else {}
        config = HostPath(options.get("config-file", DEFAULT_CONFIG))
        socket = HostPath(options.get("host") or self._socket_in(config) or DEFAULT_SOCKET)
        self._watched = (config, socket)
        info, silence = self._ask(socket)
        states = [state_of(self._host_root, path) for path in self._watched]
        return RuntimeView(
            kind=KIND,
            version=info.version,
            pid=daemon.pid if daemon else None,
            socket=socket,
            config_file=config,
            roots=(DOCKER_ROOT,),
            identity=sha256(repr((daemon, info, states)).encode()).hexdigest(),
            settled=True,
            silence=silence,
            docker=info.settings,
        )

    def signature(self) -> Hashable:
        """A fingerprint by a few `stat` calls: when it changes, look anew."""
        daemon = self._daemon
        started = start_time(self._proc, daemon.pid) if daemon else None
        return (started, *(state_of(self._host_root, path) for path in self._watched))

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """Let Docker pull a tag that cannot exist from each host, and say what it met.

        Where it goes by the name, a pull of one that leads to an address which Docker does not
        verify, as it never does the node's own, proves nothing.
        """
        settings = self._info.settings if self._info else DockerSettings(trust_only=False)
        proofs = self._client.prove(socket_path=socket, hosts=hosts, trust_only=settings.trust_only)
        if not settings.trust_only:
            return proofs
        return {host: self._if_verified(host, proof, settings) for host, proof in proofs.items()}

    def reload(self) -> None:
        """Nothing to do: Docker reads the files of a host at every pull."""

    def _if_verified(self, host: str, proof: Proof, settings: DockerSettings) -> Proof:
        if not proof.effective:
            return proof
        places = addresses_of(self._host_root, host)
        unverified = next(filter(settings.is_in_insecure_network, places), None)
        if unverified is None:
            return proof
        is_loopback = ip_address(unverified).is_loopback
        return Proof(
            reason=Reason.NAME_RESOLVES_TO_LOOPBACK if is_loopback else Reason.INSECURE_REGISTRY,
            detail=f"{host} resolves to {unverified}, which dockerd does not verify",
        )

    def _search(self) -> Daemon | None:
        found = find_daemons(self._proc, program="dockerd", options=docker_options)
        return next((daemon for daemon in found if not daemon.nested), None)

    def _ask(self, socket: HostPath) -> tuple[DockerInfo, Problem | None]:
        """What it tells of itself, or told last, and why it does not now."""
        answer = self._client.info(socket)
        if isinstance(answer, DockerInfo):
            self._info = answer
            return answer, None
        if self._info is None:
            raise NodeTrouble(answer)
        return self._info, answer

    def _socket_in(self, config: HostPath) -> str:
        """The socket that daemon.json names; empty where it names none, or cannot be read."""
        with node_trouble(where=config, doing="reading Docker's configuration"):
            try:
                content = read_plain_file(
                    seen_path(self._host_root, config), limit=MAX_BYTES
                ).content
            except (FileNotFoundError, NotPlainError):
                return ""
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            return ""
        hosts = found.get("hosts") if isinstance(found, dict) else None
        return _socket_of(hosts if isinstance(hosts, list) else [])


def docker_options(arguments: Sequence[str]) -> Mapping[str, str]:
    """What a dockerd's command line sets of what matters here: its socket, its configuration.

    As pflag reads it: `-H x`, `-Hx`, `-H=x`, `--host x`, `--host=x`, several times.
    """
    options: dict[str, str] = {}
    hosts: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument.startswith("-H") and argument != "-H":
            hosts.append(argument.removeprefix("-H").removeprefix("="))
        elif name in {"-H", "--host"}:
            hosts.append(value if equals else next(rest, ""))
        elif name == "--config-file":
            options["config-file"] = value if equals else next(rest, "")
    if socket := _socket_of(hosts):
        options["host"] = socket
    return options


def _socket_of(hosts: Sequence[object]) -> str:
    """The first socket among the places where it listens; none of `fd://` and TCP."""
    texts = (str(host) for host in hosts)
    return next((text.removeprefix(_UNIX) for text in texts if text.startswith(_UNIX)), "")
