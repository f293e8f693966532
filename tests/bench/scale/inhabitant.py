"""One object in a process of its own on a node, called from here as if it were here."""

import pickle
import sys
from base64 import b64encode
from pathlib import Path
from typing import Generic, TypeVar, cast

from tests.bench.scale.worker import KEY, NAME, Manager
from tests.demo.agent import CLONE
from tests.ground.closing import Closing
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.ground.node import Node

_T = TypeVar("_T")

Manager.register(NAME)


class Inhabitant(Closing, Generic[_T]):
    """`object` is of the class that `kind` names in the worker; it ends with `close`."""

    def __init__(self, *, node: Node, directory: Path, kind: str, argument: object) -> None:
        """The socket lies in `directory`, so its path has to be short."""
        socket = directory / f"{kind}-{id(self)}.sock"
        log = directory / "workers.log"
        given = b64encode(pickle.dumps(argument)).decode()
        with log.open("a") as errors:
            self._process = node.popen(
                [sys.executable, "-m", "tests.bench.scale.worker", str(socket), kind, given],
                env={"PYTHONPATH": str(CLONE)},
                cwd=CLONE,
                stdout=errors,
                stderr=errors,
            )

        manager = Manager(address=str(socket), authkey=KEY)

        def answers() -> bool:
            if self._process.poll() is not None:
                raise NodeTroubleError(f"a worker ended: {log.read_text()[-1000:]}")
            try:
                manager.connect()
            except (FileNotFoundError, ConnectionRefusedError):  # not bound, or not listening
                return False
            return True

        try:
            wait_until(answers, what="a worker answers", seconds=60)
        except BaseException:
            self.close()
            raise
        self.object = cast("_T", getattr(manager, NAME)())

    def close(self) -> None:
        """End it at once, with all its connections."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=30)
