"""A process that performs steps when told, each in a fork of its own, so that faults can be
injected into that fork by strace. Started by `faults.py`; a line `<deed> <host root>` begins one.
"""

import os
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from agent.errors import NodeTrouble
from agent.node.host_files import HostFiles
from agent.node.state_directory import StateDirectory
from agent.planning.known_good import KnownGood
from agent.planning.ledger import Ledger, intend
from agent.planning.model import HostPath
from tests.node.host_trees import CREATE, REMOVE, REPLACE

DONE = 0
REFUSED = 1
BROKEN = 70


def state_directory(host_root: Path) -> StateDirectory:
    """The agent's own directory, as the tests have it."""
    return StateDirectory(
        host_root=host_root,
        path=HostPath("/var/lib/registry-node-agent"),
        stop=threading.Event(),
        lock_timeout_seconds=0,
    )


def save(host_root: Path) -> None:
    """What a pass makes durable before its steps."""
    state = state_directory(host_root)
    with state.exclusive():
        state.save_ledger(intend(Ledger(), steps=[CREATE], made=()))
        state.save_known_good(KnownGood(bundles={"configmap:a/b": "new"}))


DEEDS: dict[str, Callable[[Path], None]] = {
    "create": lambda root: HostFiles(root).create_folder(CREATE),
    "replace": lambda root: HostFiles(root).replace_file(REPLACE),
    "remove": lambda root: HostFiles(root).remove_folder(REMOVE),
    "save": save,
    "remove_all": lambda root: state_directory(root).remove_all(),
}


def perform(deed: str, host_root: Path) -> int:
    """The exit status: 0 done, 1 NodeTrouble, 70 anything else."""
    try:
        DEEDS[deed](host_root)
    except NodeTrouble:
        return REFUSED
    except Exception:  # noqa: BLE001 - whatever it is, the test that injected the fault shall see it
        traceback.print_exc()
        return BROKEN
    return DONE


def serve() -> None:
    """One deed after the other, each when it is told to go."""
    while line := os.read(0, 4096).decode():
        deed, host_root = line.rstrip("\n").split(" ", 1)
        pid = os.fork()
        if pid == 0:
            os.readv(0, [bytearray(1)])  # a call that no step makes
            os._exit(perform(deed, Path(host_root)))
        os.write(1, f"{pid}\n".encode())
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.write(1, f"{status}\n".encode())


if __name__ == "__main__":
    serve()
