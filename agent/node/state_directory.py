"""The agent's own directory on the node: what it wrote, what it last knew, who is at work.

    ledger.json         what we wrote on this node (planning.ledger)
    ledger.json.broken  a ledger that could not be read, kept for people
    view.json           the last view that could be used (planning.known_good)
    made.json           the parents of this directory that we had to make
    lock                held during a pass
    alive               held, shared, by every live `run`; its text is the pid of the last one.
                        `remove` holds it alone

The directory is 0700 and its files are 0600. It may be wiped under a live agent: whatever is
written next makes it anew.
"""

import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from math import ceil
from pathlib import Path, PurePosixPath

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.durable import (
    half_made,
    look,
    read_file,
    replace_file,
    signature_at,
    try_to_write,
    unlink,
)
from agent.node.host_root import HostRoot, child
from agent.node.machine_id import machine_id
from agent.node.made_parents import decode_parents, encode_parents
from agent.node.node_lock import is_locked, try_lock
from agent.node.node_trouble import node_trouble
from agent.planning import known_good as views
from agent.planning import ledger as ledgers
from agent.planning.known_good import KnownGood
from agent.planning.ledger import Ledger
from agent.planning.model import Folder, HostPath
from agent.planning.state_view import StateView

LEDGER = "ledger.json"
BROKEN_LEDGER = "ledger.json.broken"
VIEW = "view.json"
MADE = "made.json"
LOCK = "lock"
ALIVE = "alive"

FOLDER_MODE = 0o700
FILE_MODE = 0o600
MAX_FILE_BYTES = 64 * 1024 * 1024  # every trust bundle there may be, each of at most 1 MiB
LEAST_BYTES = 4096  # a small record, for a look before there is any
POLL_SECONDS = 0.05


class StateDirectory:
    """The port `State`, and what `run` and `remove` need besides.

    `problems` are those of the last `load_ledger`. `stop` ends a wait for the lock at once.
    """

    def __init__(
        self,
        *,
        host_root: Path,
        path: HostPath,
        stop: threading.Event,
        lock_timeout_seconds: float,
    ) -> None:
        whole = PurePosixPath(path)
        self._host_root = host_root
        self._root = HostRoot(host_root)
        self._folder = Folder(base=HostPath(str(whole.parent)), below=(whole.name,))
        self._stop = stop
        self._lock_timeout_seconds = lock_timeout_seconds
        self.problems: tuple[Problem, ...] = ()

    def load_ledger(self) -> Ledger:
        """The record of what we wrote; an empty one when there is none for this machine.

        One that cannot be read is told in `problems`, and set aside as `ledger.json.broken` when
        the next one is saved: files of ours are recognised without it. Raises NodeTrouble.
        """
        self.problems = ()
        content = self._load(LEDGER)
        if content is None:
            return Ledger()
        try:
            return ledgers.decode(content.decode(), machine_id=machine_id(self._host_root))
        except ValueError as error:
            self.problems = (
                Problem(
                    reason=Reason.LEDGER_UNREADABLE,
                    where=f"{self._folder.path}/{LEDGER}",
                    detail=f"it will be set aside as {BROKEN_LEDGER}, since {error}",
                ),
            )
            return Ledger()

    def save_ledger(self, ledger: Ledger) -> None:
        """Durably. Raises NodeTrouble."""
        if self.problems:
            self._set_aside()
        self._save(LEDGER, ledgers.encode(ledger, machine_id=machine_id(self._host_root)))

    def load_known_good(self) -> KnownGood:
        """The last view that could be used; an empty one when there is none. Raises NodeTrouble."""
        content = self._load(VIEW)
        try:
            return KnownGood() if content is None else views.decode(content.decode())
        except ValueError:
            return KnownGood()

    def save_known_good(self, known_good: KnownGood) -> None:
        """Durably, if it is not there already. Raises NodeTrouble."""
        text = views.encode(known_good)
        if self._load(VIEW) != text.encode():
            self._save(VIEW, text)

    def signature(self) -> Hashable:
        """Something that changes when the ledger's file does; never raises."""
        try:
            with self._root.find(self._folder) as place:
                return (place.missing, signature_at(place.fd, LEDGER))
        except OSError as error:
            return error.errno

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the node's lock for one pass.

        Raises NodeTrouble: another-agent when it is still taken after the timeout.
        """
        with self._trouble("locking it"):
            held = self._wait_for_lock()
        if held is None:
            raise self._another("another pass on this node has not ended")
        try:
            yield
        finally:
            with self._trouble("unlocking it"):
                held.close()

    @contextmanager
    def hold_alive(self) -> Iterator[None]:
        """Let `remove` know, for as long as it is held, that a `run` is alive. Raises NodeTrouble.

        Several may hold it: an old and a new agent overlap while a DaemonSet is updated.
        """
        with self._trouble("marking this agent as alive"):
            held = self._mark_alive()
        if held is None:
            raise self._another("the node is just being put back")
        try:
            yield
        finally:
            with self._trouble("marking this agent as gone"):
                held.close()

    @contextmanager
    def without_run(self) -> Iterator[None]:
        """Let no `run` mark itself as alive for as long as it is held.

        Raises NodeTrouble: another-agent when one is alive on this node.
        """
        with ExitStack() as held:
            with self._trouble("looking for a live agent"):
                directory = held.enter_context(self._made())
                alone = held.enter_context(try_lock(directory, ALIVE)) is not None
                pid = "" if alone else _pid(directory)
            if not alone:
                raise self._another(f"a `run` is alive; its pid, as it sees itself, is {pid}")
            yield

    def look(self) -> StateView:
        """Whether the next pass could write its record, and who else does; leaves no trace.

        Tried with as many bytes as the record has now, on the way to the directory if it is
        still to be made. Never raises: what is refused is among the problems.
        """
        problems: list[Problem] = []
        exists, run = False, ""
        try:
            with self._trouble("trying to write in it"), self._root.find(self._folder) as place:
                exists = not place.missing
                run = _pid(place.fd) if exists and is_locked(place.fd, ALIVE) else ""
                try_to_write(place.fd, max(LEAST_BYTES, _size_of_record(place.fd)))
        except NodeTrouble as trouble:
            problems.append(trouble.problem)
        return StateView(path=self._folder.path, exists=exists, run=run, problems=tuple(problems))

    def remove_all(self) -> None:
        """Delete all of it, the ledger after all that it speaks of, and the directory if empty.

        Its parents too, if we made them. For whoever holds its lock: the locks go after what they
        guard. Raises NodeTrouble.
        """
        with self._trouble("removing it"):
            with self._root.find(self._folder) as place:
                if place.missing:
                    return
                with child(place.fd, ".") as directory:
                    made = read_file(directory, MADE, limit=MAX_FILE_BYTES)
                    for name in (VIEW, BROKEN_LEDGER, LEDGER, LOCK, ALIVE, MADE):
                        unlink(directory, half_made(name))
                        unlink(directory, name)
                    os.fsync(directory)
            parents = decode_parents(made, of=self._folder)
            for folder in (self._folder, *reversed(parents)):
                self._root.remove_empty(folder)

    def _load(self, name: str) -> bytes | None:
        with self._trouble(f"reading {name}"), self._root.find(self._folder) as place:
            if place.missing:
                return None
            with child(place.fd, ".") as directory:
                return read_file(directory, name, limit=MAX_FILE_BYTES)

    def _save(self, name: str, text: str) -> None:
        with self._trouble(f"writing {name}"), self._made() as directory:
            _write(directory, name, text)

    def _set_aside(self) -> None:
        with self._trouble("setting a broken ledger aside"), self._made() as directory:
            with suppress(FileNotFoundError):
                os.rename(LEDGER, BROKEN_LEDGER, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)
        self.problems = ()

    @contextmanager
    def _made(self) -> Iterator[int]:
        """The open directory, made if it is missing. Raises OSError."""
        with self._root.find(self._folder) as place:
            if not place.missing:
                with child(place.fd, ".") as directory:
                    yield directory
                return
        parents = self._root.missing(self._folder)[:-1]
        with self._root.make(self._folder, mode=FOLDER_MODE) as directory:
            if parents:
                _write(directory, MADE, encode_parents(parents))
            yield directory

    def _mark_alive(self) -> ExitStack | None:
        with ExitStack() as attempt:
            directory = attempt.enter_context(self._made())
            fd = attempt.enter_context(try_lock(directory, ALIVE, shared=True))
            if fd is None:
                return None
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            return attempt.pop_all()

    def _wait_for_lock(self) -> ExitStack | None:
        """What holds the lock, or None. The file is opened anew each time: it may be deleted."""
        for _ in range(1 + ceil(self._lock_timeout_seconds / POLL_SECONDS)):
            with ExitStack() as attempt:
                directory = attempt.enter_context(self._made())
                if attempt.enter_context(try_lock(directory, LOCK)) is not None:
                    for name in (LEDGER, VIEW):  # written under the lock only
                        unlink(directory, half_made(name))
                    return attempt.pop_all()
            if self._stop.wait(POLL_SECONDS):
                break
        return None

    def _trouble(self, doing: str) -> AbstractContextManager[None]:
        return node_trouble(where=self._folder.path, doing=doing)

    def _another(self, detail: str) -> NodeTrouble:
        where = self._folder.path
        return NodeTrouble(Problem(reason=Reason.ANOTHER_AGENT, where=where, detail=detail))


def _write(directory: int, name: str, text: str) -> None:
    """Replace a file; nothing is written while it has these bytes already."""
    content = text.encode()
    if read_file(directory, name, limit=MAX_FILE_BYTES) != content:
        replace_file(directory, name, content, mode=FILE_MODE, limit=MAX_FILE_BYTES)


def _pid(directory: int) -> str:
    """The pid, as it sees itself, of the last `run` that marked itself as alive."""
    return (read_file(directory, ALIVE, limit=MAX_FILE_BYTES) or b"?").decode().strip()


def _size_of_record(directory: int) -> int:
    found = (look(directory, name) for name in (LEDGER, VIEW))
    return sum(info.st_size for info in found if info is not None)
