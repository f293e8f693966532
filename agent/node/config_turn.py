"""Turns on config_path in the runtime's own configuration: whole, or undone.

The order: the record with the old bytes (in the agent's directory, 0600), the new file beside the
old one, the runtime's own `config dump` over it, the rename, the restart, an answer by CRI. What
fails after the rename puts the old bytes back and restarts once more: `config dump` does not start
plugins, so that it does not find everything that a start does.
"""

import threading
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.config_file import ConfigFile, config_file
from agent.node.container_runtime import CriAdapter
from agent.node.node_trouble import node_trouble
from agent.node.processes import start_time
from agent.node.systemd import Systemd, Unit
from agent.node.turn_record import TurnRecord
from agent.planning.config_turn import Standing, Turn
from agent.planning.ledger import content_hash
from agent.planning.model import ConfigChange, HostPath, RuntimeView

PROGRAM = "containerd"
TRIES, PAUSE_SECONDS = 60, 0.5
"""How often, and how far apart, a restarted runtime is asked whether it serves CRI."""
_PAUSE = threading.Event()  # never set: waiting on it is a pause


class ConfigTurn:
    """The port `ConfigTurn`. Its methods raise NodeTrouble for what the node refuses."""

    def __init__(
        self, host_root: Path, *, state_dir: HostPath, systemd: Systemd, cri: CriAdapter
    ) -> None:
        self._host_root = host_root
        self._records = TurnRecord(host_root, state_dir)
        self._systemd = systemd
        self._cri = cri

    def problems(self, runtime: RuntimeView) -> tuple[Problem, ...]:
        """Whether the runtime is older than what we have written for it: needs-restart."""
        turn = self._records.load()
        if turn is None or not self._is_awaited(turn, runtime):
            return ()
        detail = f"config_path is turned on in it, and {turn.unit} runs without it since before"
        return (Problem(reason=Reason.NEEDS_RESTART, where=turn.path, detail=detail),)

    def is_due(self, runtime: RuntimeView) -> bool:
        """Whether there is something to turn on, or a turn that was cut short."""
        if runtime.pid is None:
            return False
        turn = self._records.load()
        return runtime.change is not None or (turn is not None and self._is_awaited(turn, runtime))

    def turn_on(self, runtime: RuntimeView) -> str:
        """Turn it on and restart the runtime; what was done, one line.

        Raises NodeTrouble: preflight-failed with nothing changed, restart-failed with all undone.
        """
        unit = self._unit(runtime)
        if runtime.change is not None:
            self._write(runtime.change, runtime, unit)
        turn = self._records.load()
        if turn is None:
            raise _preflight(runtime.config_file, "its record is gone")
        refusal = self._restarted(turn, runtime.socket)
        if refusal:
            raise self._rolled_back(turn, runtime.socket, refusal)
        self._records.save(replace(turn, proven=True))
        return f"turn on config_path in {turn.path}, restart {turn.unit}"

    def repair(self, runtime: RuntimeView) -> tuple[Problem, ...]:
        """Put back what a runtime did not start with, when an agent was killed before it did so.

        To start a runtime that does not run disturbs nothing.
        """
        turn = self._records.load()
        if turn is None or turn.proven or runtime.pid is not None or not self._is_written(turn):
            return ()
        return (self._rolled_back(turn, runtime.socket, "it does not run").problem,)

    def undo(self, *, needed: bool) -> tuple[Problem, ...]:
        """Give the file its old bytes again, and forget it; what is left instead, with the reason.

        `needed` says that others have host directories where config_path points to.
        """
        turn = self._records.load()
        if turn is None:
            return ()
        left = ""
        with self._trouble(turn.path, "putting it back"), self._file(turn.path) as file:
            standing = turn.standing(file.read())
            file.unstage()
            if standing is Standing.OF_OTHERS:
                left = "it is not as we wrote it, and is left with config_path turned on"
            elif standing is Standing.AS_WRITTEN and needed:
                left = "config_path stays turned on: host directories of others need it"
            elif standing is Standing.AS_WRITTEN:
                file.restore(turn.before)
        self._records.drop()
        problem = Problem(reason=Reason.CHANGED_BY_OTHERS, where=turn.path, detail=left)
        return (problem,) if left else ()

    def _is_awaited(self, turn: Turn, runtime: RuntimeView) -> bool:
        """Whether the process still runs that was there before the change was written."""
        started = start_time(self._host_root / "proc", turn.pid)
        if turn.proven or runtime.pid != turn.pid or started != turn.start_time:
            return False
        return self._is_written(turn)

    def _is_written(self, turn: Turn) -> bool:
        with self._trouble(turn.path, "reading it"), self._file(turn.path) as file:
            return turn.standing(file.read()) is Standing.AS_WRITTEN

    def _unit(self, runtime: RuntimeView) -> Unit:
        """The unit to restart: one that starts containerd itself, or its owner generates the file.

        k3s, RKE2, k0s and MicroK8s start it as a child of theirs.
        """
        unit = self._systemd.unit_of(pid=runtime.pid) if runtime.pid else "it does not run"
        if isinstance(unit, str):
            raise _preflight(runtime.config_file, f"its unit is not known: {unit}")
        if unit.program.rpartition("/")[2] != PROGRAM:
            detail = f"{unit.name} starts {unit.program}, and that starts {PROGRAM}"
            raise _preflight(runtime.config_file, detail)
        return unit

    def _write(self, change: ConfigChange, runtime: RuntimeView, unit: Unit) -> None:
        pid = runtime.pid or 0
        turn = Turn(
            path=change.path,
            before=change.before,
            after=content_hash(change.after),
            unit=unit.name,
            pid=pid,
            start_time=start_time(self._host_root / "proc", pid) or 0,
        )
        with self._trouble(change.path, "changing it"), self._file(change.path) as file:
            if file.read() != change.before:
                raise _preflight(change.path, "somebody else is just changing it")
            self._records.save(turn)
            file.stage(change.after)
            command = (unit.program, "--config", file.staged, "config", "dump")
            if refusal := self._systemd.run(command):
                file.unstage()
                self._records.drop()
                words = f"`{PROGRAM} config dump` does not take it: {refusal}"
                raise _preflight(change.path, words)
            file.take()

    def _restarted(self, turn: Turn, socket: HostPath) -> str:
        """Restart the unit and wait for CRI; why it does not serve it, or empty."""
        if refusal := self._systemd.restart(unit=turn.unit):
            return refusal
        answer = self._cri.version(socket)
        for _ in range(TRIES):
            if not isinstance(answer, Problem):
                return ""
            _PAUSE.wait(PAUSE_SECONDS)
            answer = self._cri.version(socket)
        return answer.detail if isinstance(answer, Problem) else ""

    def _rolled_back(self, turn: Turn, socket: HostPath, refusal: str) -> NodeTrouble:
        """The trouble of a restart that failed, after the old bytes are back and in use."""
        with self._trouble(turn.path, "putting it back"), self._file(turn.path) as file:
            file.restore(turn.before)
        again = self._restarted(turn, socket)
        self._records.drop()
        end = f"; with it as it was before, too: {again}" if again else "; it is as it was before"
        detail = f"with config_path turned on in {turn.path}: {refusal}{end}"
        return NodeTrouble(Problem(reason=Reason.RESTART_FAILED, where=turn.unit, detail=detail))

    def _file(self, path: HostPath) -> AbstractContextManager[ConfigFile]:
        return config_file(self._host_root, path)

    def _trouble(self, path: HostPath, doing: str) -> AbstractContextManager[None]:
        return node_trouble(where=path, doing=doing)


def _preflight(where: HostPath, detail: str) -> NodeTrouble:
    return NodeTrouble(Problem(reason=Reason.PREFLIGHT_FAILED, where=where, detail=detail))
