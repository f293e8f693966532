"""The node's CRI-O: where it is told of registries, what it answers, and how it is reloaded.

Its drop-ins are read when it starts and when it is reloaded, its certificates at every pull. What
it really goes by only a pull can show, and its words name the endpoint that it asked.
"""

import posixpath
import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.container_runtime import CriAdapter
from agent.node.containerd_config_reader import State, matching_paths, state_of
from agent.node.crio_config_reader import read_crio_config, read_files
from agent.node.processes import Daemon, find_daemons, start_time
from agent.node.remembered_daemon import RememberedDaemon
from agent.node.resolved_names import resolves_to_loopback
from agent.node.systemd import Systemd
from agent.planning.containerd_merge import parse_version
from agent.planning.evidence import Proof
from agent.planning.model import HostPath, RuntimeView
from agent.planning.registries_conf import MAIN, USUAL, read_others

KIND = "crio"
NAME_IN_CRI = "cri-o"
USERS_OWN = HostPath("/root/.config/containers/registries.conf")
"""Beside it nothing in /etc is read; the drop-ins in the directory named after it win over ours."""
USERS_CERTIFICATES = HostPath("/root/.config/containers/certs.d")
"""A directory of an endpoint in it is taken instead of ours, whatever is in it, even nothing
(containers/image, docker/docker_client.go, dockerCertDir; shown on CRI-O 1.36)."""
LOOPBACK_IS_VERIFIED_FROM = (1, 35, 0)
RELOAD_SECONDS = 0.5
"""What it gets to read its drop-ins after it was told to: it does so a moment later, and silently.

On real nodes it took milliseconds; where it takes longer the next pass sees it.
"""

_SUBCOMMANDS = frozenset(
    {"check", "complete", "completion", "config", "help", "man", "markdown", "md", "status"}
    | {"version", "wipe", "h"}
)
_FLAGS = {"c": "config", "d": "config-dir"}
_REST = threading.Event()  # never set: waiting on it is a pause


class CrioRuntime:
    """The node's CRI-O. `observe`, `prove` and `reload` for one thread, `signature` for any."""

    def __init__(self, host_root: Path, *, cri: CriAdapter, systemd: Systemd) -> None:
        self._host_root = host_root
        self._proc = host_root / "proc"
        self._cri = cri
        self._systemd = systemd
        self._remembered = RememberedDaemon(self._proc, self._search)
        self._daemon: Daemon | None = None
        self._version_of: tuple[Daemon, State] | None = None
        self._version = ""
        self._watched: tuple[HostPath, ...] = ()
        self._refused: Problem | None = None

    def running(self) -> bool:
        """Whether a CRI-O runs on this node. Raises NodeTrouble when /proc cannot be read."""
        return self._remembered.find() is not None

    def observe(self) -> RuntimeView:
        """Which CRI-O, and what else it reads. Raises NodeTrouble: what the kernel refused."""
        daemon = self._daemon = self._remembered.find()
        config = read_crio_config(self._host_root, daemon.options if daemon else {})
        silence = self._learn_version(daemon, config.socket)
        theirs = (MAIN, *self._drop_ins_of_others())
        others = read_others(read_files(self._host_root, theirs))
        self._refused = next(iter(others.problems), None)
        self._watched = (*config.files, *theirs, USERS_CERTIFICATES, config.socket)
        return RuntimeView(
            kind=KIND,
            version=self._version,
            pid=daemon.pid if daemon else None,
            socket=config.socket,
            config_file=config.files[0],
            roots=(),
            identity=self._identity(daemon),
            problems=(*others.problems, *self._users_own()),
            settled=daemon is not None,
            silence=silence,
            registries_conf=replace(
                USUAL,
                prefixes=others.prefixes,
                preferred=self._preferred(),
                reloads_itself=config.reloads_itself,
            ),
        )

    def signature(self) -> Hashable:
        """A fingerprint by a few `stat` calls: when it changes, look anew."""
        daemon = self._daemon
        started = start_time(self._proc, daemon.pid) if daemon else None
        return (started, *(state_of(self._host_root, path) for path in self._watched))

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """Let CRI-O pull a tag that cannot exist from each host, and say what it met.

        Before 1.35 it does not verify a host whose name resolves to a loopback address
        (internal/storage/image.go, isSecureIndex): such a pull proves nothing.
        """
        proofs = self._cri.prove(socket=socket, hosts=hosts)
        version = parse_version(self._version)
        if version is None or version >= LOOPBACK_IS_VERIFIED_FROM:
            return proofs
        return {host: self._unless_loopback(host, proof) for host, proof in proofs.items()}

    def reload(self) -> None:
        """Let it read its drop-ins.

        Raises NodeTrouble: needs-reload when it cannot be told to; registries-conf-broken when it
        would refuse them all for one that was broken when it was last observed, and say nothing.
        """
        daemon = self._daemon
        if daemon is None:
            return  # it reads them when it starts
        if self._refused is not None:
            raise NodeTrouble(self._refused)
        if refusal := self._systemd.reload(pid=daemon.pid):
            raise NodeTrouble(
                Problem(
                    reason=Reason.NEEDS_RELOAD,
                    where=USUAL.drop_in,
                    detail=f"CRI-O could not be told to read it: {refusal}",
                )
            )
        _REST.wait(RELOAD_SECONDS)

    def _search(self) -> Daemon | None:
        found = find_daemons(self._proc, program="crio", options=crio_options)
        return next((daemon for daemon in found if not daemon.nested), None)

    def _learn_version(self, daemon: Daemon | None, socket: HostPath) -> Problem | None:
        """Ask a process for its version once; why it does not tell."""
        state = state_of(self._host_root, socket)
        if daemon is None or state is None:
            running = f"CRI-O runs as process {daemon.pid}" if daemon else "no CRI-O runs"
            detail = f"{running}, and there is no such socket" if daemon else running
            return Problem(reason=Reason.RUNTIME_UNREACHABLE, where=socket, detail=detail)
        if self._version_of == (daemon, state):
            return None
        answer = self._cri.version(socket)
        match answer:
            case Problem():
                return answer
            case (name, version) if name == NAME_IN_CRI:
                self._version, self._version_of = version.removeprefix("v"), (daemon, state)
                return None
            case (name, _):
                detail = f"{name} answers there, and not CRI-O"
                return Problem(reason=Reason.RUNTIME_UNREACHABLE, where=socket, detail=detail)

    def _drop_ins_of_others(self) -> tuple[HostPath, ...]:
        ours = USUAL.drop_in
        places = (USUAL.drop_ins.path, f"{USERS_OWN}.d")
        found = [matching_paths(self._host_root, f"{place}/*.conf") for place in places]
        return tuple(path for paths in found for path in paths if path != ours)

    def _users_own(self) -> tuple[Problem, ...]:
        """The file beside which nothing in /etc is read, if we see root's home at all."""
        if state_of(self._host_root, USERS_OWN) is None:
            return ()
        detail = "CRI-O, which runs as root, reads it instead of all that is in /etc/containers"
        return (Problem(reason=Reason.USER_REGISTRIES_CONF, where=USERS_OWN, detail=detail),)

    def _preferred(self) -> Mapping[str, HostPath]:
        """Directories of certificates that go before ours, if we see root's home at all."""
        found = matching_paths(self._host_root, f"{USERS_CERTIFICATES}/*")
        return {posixpath.basename(path): path for path in found}

    def _identity(self, daemon: Daemon | None) -> str:
        states = [state_of(self._host_root, path) for path in self._watched]
        return sha256(repr((daemon, self._version, self._watched, states)).encode()).hexdigest()

    def _unless_loopback(self, host: str, proof: Proof) -> Proof:
        if not proof.effective or not resolves_to_loopback(self._host_root, host):
            return proof
        detail = f"{host} resolves to a loopback address, so CRI-O does not verify it"
        return Proof(reason=Reason.NAME_RESOLVES_TO_LOOPBACK, detail=detail)


def crio_options(arguments: Sequence[str]) -> Mapping[str, str] | None:
    """What a daemon's command line sets of what matters here; None for a subcommand.

    One dash or two, the value after `=` or as the next argument (CRI-O uses urfave/cli).
    """
    if not _SUBCOMMANDS.isdisjoint(arguments):
        return None
    options: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.lstrip("-").partition("=")
        name = _FLAGS.get(name, name)
        if argument.startswith("-") and name in {"config", "config-dir", "listen"}:
            options[name] = value if equals else next(rest, "")
    return options
