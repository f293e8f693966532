"""The record of a configuration change, in the agent's own directory on the node: `turn.json`."""

import os
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath

from agent.node.durable import half_made, read_file, replace_file, unlink
from agent.node.host_root import HostRoot, child
from agent.node.node_trouble import node_trouble
from agent.planning.config_turn import Turn, decode, encode
from agent.planning.model import Folder, HostPath

TURN = "turn.json"
FOLDER_MODE, FILE_MODE = 0o700, 0o600
MAX_BYTES = 16 << 20


class TurnRecord:
    """The record. Every method raises NodeTrouble."""

    def __init__(self, host_root: Path, state_dir: HostPath) -> None:
        whole = PurePosixPath(state_dir)
        self._root = HostRoot(host_root)
        self._folder = Folder(base=HostPath(str(whole.parent)), below=(whole.name,))

    def load(self) -> Turn | None:
        """The record; None when there is none, or it cannot be understood."""
        with self._trouble("reading"), self._root.find(self._folder) as place:
            if place.missing:
                return None
            with child(place.fd, ".") as directory:
                content = read_file(directory, TURN, limit=MAX_BYTES)
        try:
            return None if content is None else decode(content.decode())
        except ValueError:
            return None

    def save(self, turn: Turn) -> None:
        """Make it durable."""
        content = encode(turn).encode()
        with (
            self._trouble("writing"),
            self._root.make(self._folder, mode=FOLDER_MODE) as directory,
        ):
            replace_file(directory, TURN, content, mode=FILE_MODE, limit=MAX_BYTES)

    def drop(self) -> None:
        """Delete it, durably."""
        with self._trouble("deleting"), self._root.find(self._folder) as place:
            if place.missing:
                return
            with child(place.fd, ".") as directory:
                for name in (half_made(TURN), TURN):
                    unlink(directory, name)
                os.fsync(directory)

    def _trouble(self, doing: str) -> AbstractContextManager[None]:
        return node_trouble(where=self._folder.path, doing=f"{doing} {TURN}")
