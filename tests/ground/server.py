"""A long-running program of a place: started, stopped, killed and started again, its log kept."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.ground.machine import Place, PlaceProcess
from tests.ground.namespaces import NodeTroubleError, wait_until


class Server:
    """One server. What it keeps on disk stays, so a start after a stop or kill goes on from it."""

    def __init__(
        self,
        *,
        command: Sequence[str],
        place: Place,
        log: Path,
        is_ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._name = Path(command[0]).name
        self._command = command
        self._place = place
        self._is_ready = is_ready
        self._env = dict(env or {})
        self._process: PlaceProcess | None = None

    @property
    def pid(self) -> int:
        """The running program's process id."""
        if self._process is None:
            raise NodeTroubleError(f"{self._name} is not started")
        return self._process.program_pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, seconds: float = 60.0) -> None:
        """Start it, unless it runs, and wait until it is ready."""
        if not self.is_running:
            self.launch()
        self.wait_until_ready(seconds=seconds)

    def launch(self) -> None:
        """Start it and do not wait."""
        with self.log.open("a") as log:
            self._process = self._place.popen(self._command, env=self._env, stdout=log, stderr=log)

    def wait_until_ready(self, *, seconds: float = 60.0) -> None:
        """Return as soon as it answers; its own last words if it ended instead."""

        def is_ready() -> bool:
            if not self.is_running:
                raise NodeTroubleError(f"{self._name} ended: {self._last_words()}")
            return self._is_ready()

        try:
            wait_until(is_ready, what=f"{self._name} is ready", seconds=seconds)
        except NodeTroubleError as trouble:
            raise NodeTroubleError(f"{trouble}; it said: {self._last_words()}") from trouble

    def stop(self) -> None:
        """Ask it to end, and wait for that; nothing where it does not run."""
        if self._process:
            self._process.end(seconds=30)
            self._process = None

    def kill(self) -> None:
        """End it in the midst of whatever it does."""
        if self._process:
            self._process.kill()
            self._process.wait(timeout=30)
            self._process = None

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
