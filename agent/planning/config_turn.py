"""The record of a runtime's configuration that we changed: what it was, and what became of it.

It is made durable before the first byte of the change, so that after a crash at any moment the
file found is either what it was or what we made of it; anything else is somebody else's work.
"""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from enum import Enum, auto

from agent.planning.ledger import content_hash
from agent.planning.model import Folder, HostPath
from agent.planning.node_view import DOCKER_ROOT, NodeView
from agent.planning.registries_conf import USUAL
from agent.planning.removal import Removal
from agent.planning.steps import RemoveFolder


class Standing(Enum):
    """What is in the file now."""

    AS_BEFORE = auto()
    AS_WRITTEN = auto()
    OF_OTHERS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One change. `before` is None for a file that we made; `after` is a SHA-256, lower-case hex.

    `pid` and `start_time` are those of the process that ran on the old configuration, `unit` is
    its service. `proven` means that the runtime was seen to serve with the new one.
    """

    path: HostPath
    before: bytes | None = field(repr=False)
    after: str
    unit: str
    pid: int
    start_time: int
    proven: bool = False

    def standing(self, content: bytes | None) -> Standing:
        """Whose the content of the file is; None when there is no file."""
        if content == self.before:
            return Standing.AS_BEFORE
        is_ours = content is not None and content_hash(content) == self.after
        return Standing.AS_WRITTEN if is_ours else Standing.OF_OTHERS


def encode(turn: Turn) -> str:
    """JSON. It holds the old file, which may hold secrets."""
    before = None if turn.before is None else b64encode(turn.before).decode()
    return json.dumps(
        {
            "path": turn.path,
            "before": before,
            "after": turn.after,
            "unit": turn.unit,
            "pid": turn.pid,
            "start-time": turn.start_time,
            "proven": turn.proven,
        }
    )


def decode(text: str) -> Turn:
    """Back from JSON. Raises ValueError when it is no record."""
    try:
        item = json.loads(text)
        before = item["before"]
        return Turn(
            path=HostPath(str(item["path"])),
            before=None if before is None else b64decode(before, validate=True),
            after=str(item["after"]),
            unit=str(item["unit"]),
            pid=int(item["pid"]),
            start_time=int(item["start-time"]),
            proven=bool(item["proven"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        message = f"no record of a configuration change: {error!r}"
        raise ValueError(message) from error


def foreign_hosts(node: NodeView, removal: Removal) -> tuple[Folder, ...]:
    """The directories of others that will be left in containerd's roots, and need config_path."""
    gone = {step.folder for step in removal.steps if isinstance(step, RemoveFolder)}
    stay = {problem.where.rpartition("/")[0] for problem in removal.left}
    roots = [root for root in node.roots if root not in (DOCKER_ROOT, *USUAL.folders)]
    folders = [root.child(name) for root in roots for name in node.names.get(root, ())]
    return tuple(folder for folder in folders if folder not in gone or folder.path in stay)
