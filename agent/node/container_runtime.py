"""Which containerd runs on this node, how it is configured, and whether that has changed.

The process tells where its configuration is, the configuration where it reads per-registry files
and where its socket is, the socket which version it is. The version costs a child process, so it
is asked once for each process, and finding the process costs a walk through /proc, so that is done
only when the one that is known has ended. A view holds until something that it was made from has
changed, as far as `stat` tells.

A containerd that was started before its configuration was last changed still runs on the old one,
and nothing but a pull can show what that was. What is on disk is therefore what the next start
will read; the proof (agent.verifier) is what decides whether the node is in sync, and `identity`
changes with either, so that a proof is asked for anew.
"""

import posixpath
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.containerd_config_reader import Configuration, State, read_configuration, state_of
from agent.node.daemon_finder import AT_REST, DaemonFinder, Rest, is_told, main_file
from agent.node.processes import Daemon, booted_at, start_time, started_at
from agent.planning.containerd_config import find_registry_directories
from agent.planning.containerd_config_file import clean
from agent.planning.containerd_merge import DEFAULT_SOCKET, merge, parse_version
from agent.planning.evidence import Proof
from agent.planning.model import Folder, HostPath, RuntimeView

KIND = "containerd"
NANOSECONDS = 1_000_000_000
CLOCK_SECONDS = 0.05
"""How far apart a file's time and a process's start must be: both are told in ticks of 10 ms.

No more than needed: a package writes its configuration right before it starts the runtime.
"""
RACY_NANOSECONDS = 100_000_000  # the kernel's tick is 4 or 10 ms


class CriAdapter(Protocol):
    """The runtime's own answers, through its socket."""

    def version(self, socket: HostPath) -> tuple[str, str] | Problem:
        """Name and version of the runtime behind a socket; why, when it does not tell."""
        ...

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """What it met when it was to pull a tag that cannot exist from each host."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What can be seen of the runtime without asking it: equal until something has changed."""

    start_time: int | None
    socket: State
    files: tuple[State, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A view, whose process it is of, and how everything stood that it was made from."""

    view: RuntimeView
    daemon: Daemon | None
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the last look found, for the next one and for the poll between them."""

    daemon: Daemon | None = None
    version_of: tuple[Daemon | None, State] | None = None
    version: str = ""
    silence: Problem | None = None
    socket: HostPath = DEFAULT_SOCKET
    watched: tuple[HostPath, ...] = (AT_REST.config,)
    roots: tuple[Folder, ...] = ()


class ContainerdRuntime:
    """The node's containerd. `observe` and `prove` for one thread, `signature` for any."""

    def __init__(
        self, host_root: Path, *, cri: CriAdapter, booted_at: Callable[[], float] = booted_at
    ) -> None:
        self._host_root = host_root
        self._booted_at = booted_at
        self._finder = DaemonFinder(host_root)
        self._cri = cri
        self._known = _Known()
        self._kept: _Kept | None = None
        self._rest = AT_REST

    def running(self) -> bool:
        """Whether one runs that serves this node. Raises NodeTrouble when /proc cannot be read."""
        daemon = self._finder.find()
        return daemon is not None and not daemon.nested

    def left_traces(self, rest: Rest = AT_REST) -> bool:
        """Whether there is a socket, or a place for its configuration."""
        places = (rest.socket, HostPath(posixpath.dirname(rest.config)))
        return any(state_of(self._host_root, place) for place in places)

    def observe(self, rest: Rest = AT_REST) -> RuntimeView:
        """Which containerd, and where it reads per-registry files; in `rest` while none runs.

        With a configuration that it would not start with, the roots are those seen last, for the
        running one still has the old configuration, or none. Raises NodeTrouble:
        no-runtime-found, or what the kernel refused.
        """
        daemon = self._finder.find()
        kept = self._kept if rest == self._rest else None
        self._rest = rest
        if kept is not None and (kept.daemon, kept.signature) == (daemon, self.signature()):
            return kept.view
        began = time.time_ns()
        view = self._observe(daemon)
        self._keep(view, daemon, began=began)
        return view

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """Let containerd pull a tag that cannot exist from each host, and say what it met."""
        return self._cri.prove(socket=socket, hosts=hosts)

    def reload(self) -> None:
        """Nothing to do: containerd reads the files of a host at every pull."""

    def signature(self) -> Signature:
        """A fingerprint by a few `stat` calls, for a poll each second: when it changes, look anew.

        A restart shows by the process's end and by its new socket, so /proc is not searched.
        """
        known = self._known
        pid = known.daemon.pid if known.daemon else None
        return Signature(
            start_time=start_time(self._host_root / "proc", pid) if pid else None,
            socket=state_of(self._host_root, known.socket),
            files=tuple(state_of(self._host_root, path) for path in known.watched),
        )

    def _observe(self, daemon: Daemon | None) -> RuntimeView:
        try:
            configuration = self._read(daemon)
            socket = self._socket(daemon, configuration)
            if self._learn_version(daemon, socket):
                configuration = self._read(daemon)
            return self._view(daemon, socket, configuration)
        except NodeTrouble as trouble:
            if trouble.problem.reason is not Reason.RUNTIME_CONFIG_BROKEN:
                raise
            return self._view_of_broken(daemon, trouble.problem)

    def _keep(self, view: RuntimeView, daemon: Daemon | None, *, began: int) -> None:
        """Remember a view, unless it could change without a trace, or there is more to learn.

        What changed just before it was read may change again within one tick of the kernel's
        clock; and a version that was not told is asked for again.
        """
        signature = self.signature()
        changes = [max(state[-2:]) for state in (signature.socket, *signature.files) if state]
        is_calm = all(change < began - RACY_NANOSECONDS for change in changes)
        is_told = self._known.version_of == (daemon, signature.socket)
        kept = _Kept(view=view, daemon=daemon, signature=signature)
        self._kept = kept if is_calm and is_told else None

    def _read(self, daemon: Daemon | None) -> Configuration:
        version = parse_version(self._known.version)
        main = main_file(daemon, self._rest)
        return read_configuration(self._host_root, main, required=is_told(daemon), version=version)

    def _socket(self, daemon: Daemon | None, configuration: Configuration) -> HostPath:
        """Where CRI is served. Raises NodeTrouble when it is nowhere."""
        files, main = configuration.files, configuration.main
        effective = merge(files, version=parse_version(self._known.version))
        socket = clean(daemon.address) if daemon and daemon.address else effective.socket
        if daemon is None and socket == DEFAULT_SOCKET:
            socket = self._rest.socket
        rest = Rest(config=main, socket=socket)
        if daemon is None and not files and not self.left_traces(rest):
            raise self._not_found(f"no containerd runs, and neither {main} nor {socket} exists")
        if not effective.serves_cri:
            raise self._not_found(f"the only containerd has its CRI plugin disabled, in {main}")
        return socket

    def _learn_version(self, daemon: Daemon | None, socket: HostPath) -> bool:
        """Ask a process for its version once; until it answers, the last one known is kept.

        Whether it is another than was known.
        """
        known = self._known
        state = state_of(self._host_root, socket)
        if state is not None and known.version_of == (daemon, state):
            self._known = replace(known, silence=None)
            return False
        answer = self._cri.version(socket) if state is not None else _no_socket(socket, daemon)
        match answer:
            case (name, text) if name == KIND:
                version = text.removeprefix("v")
                self._known = replace(
                    known, version_of=(daemon, state), version=version, silence=None
                )
            case (name, _):
                silence = _unreachable(socket, f"{name} answers there, and not {KIND}")
                self._known = replace(known, silence=silence)
            case Problem() as silence:
                self._known = replace(known, silence=silence)
        return self._known.version != known.version

    def _view(
        self, daemon: Daemon | None, socket: HostPath, configuration: Configuration
    ) -> RuntimeView:
        main, version = configuration.main, self._known.version
        directories = find_registry_directories(configuration.files, main=main, version=version)
        states = [state_of(self._host_root, path) for path in configuration.watched]
        self._known = replace(
            self._known,
            daemon=daemon,
            socket=socket,
            watched=configuration.watched,
            roots=directories.roots,
        )
        return RuntimeView(
            kind=KIND,
            version=version,
            pid=daemon.pid if daemon else None,
            socket=socket,
            config_file=main,
            roots=directories.roots,
            identity=_digest(daemon, version, configuration.digest, states),
            problems=directories.problems,
            change_needed=directories.change_needed,
            change=directories.change,
            settled=self._is_settled(daemon, socket, configuration.watched),
            silence=self._known.silence,
        )

    def _is_settled(
        self, daemon: Daemon | None, socket: HostPath, watched: Iterable[HostPath]
    ) -> bool:
        """Whether the process is surely younger than its configuration.

        A file that was deleted or renamed shows in its directory, which our own first write to it
        changes too: then the next start of the process settles it.

        The kernel tells a start by the time since boot, so that it seems to move with a clock that
        is set, while the time of a file does not. The socket, which the process makes when it
        starts, has the clock's time of then. Both must be later than every change: the one is
        wrong after a step forward, the other after a step back.
        """
        made = state_of(self._host_root, socket)
        if daemon is None or made is None:
            return False
        began = min(started_at(daemon, boot=self._booted_at()), made[-1] / NANOSECONDS)
        places = {*watched, *(HostPath(posixpath.dirname(path)) for path in watched)}
        states = [state_of(self._host_root, place) for place in places]
        changed = [state[-1] / NANOSECONDS for state in states if state is not None]
        return all(moment + CLOCK_SECONDS < began for moment in changed)

    def _view_of_broken(self, daemon: Daemon | None, problem: Problem) -> RuntimeView:
        known = self._known
        broken = HostPath(problem.where)
        main = main_file(daemon, self._rest)
        watched = tuple(dict.fromkeys((main, broken, *known.watched)))
        socket = clean(daemon.address) if daemon and daemon.address else known.socket
        self._known = replace(known, daemon=daemon, socket=socket, watched=watched)
        return RuntimeView(
            kind=KIND,
            version=known.version,
            pid=daemon.pid if daemon else None,
            socket=socket,
            config_file=main,
            roots=known.roots,
            identity=_digest(daemon, known.version, problem, state_of(self._host_root, broken)),
            problems=(problem,),
        )

    def _not_found(self, detail: str) -> NodeTrouble:
        where = str(self._host_root)
        return NodeTrouble(Problem(reason=Reason.NO_RUNTIME_FOUND, where=where, detail=detail))


def _no_socket(socket: HostPath, daemon: Daemon | None) -> Problem:
    running = f"{KIND} runs as process {daemon.pid}" if daemon else f"no {KIND} runs"
    return _unreachable(socket, f"{running}, and there is no such socket")


def _unreachable(socket: HostPath, detail: str) -> Problem:
    return Problem(reason=Reason.RUNTIME_UNREACHABLE, where=socket, detail=detail)


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()
