"""The bare process, on directories of its own in the same file system, as the agent left them."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.demo.agent import CLONE
from tests.demo.stage import Stage
from tests.ground.namespaces import NodeProcess, wait_until


class Bare:
    """One that follows as little as `module` does; it is ready when this is made.

    `values` are the flags that say what to follow, for the directory `place` that it may use.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        module: str,
        before: int,
        after: int,
        values: Callable[[Path], Mapping[str, object]],
    ) -> None:
        root = stage.node.root / f"var/lib/{module}"
        self.place = root / "followed"
        self.host_directories = tuple(root / path.name for path in stage.host_directories)
        for directory in (self.place, root / "state", *self.host_directories):
            directory.mkdir(parents=True)
        for theirs, ours in zip(stage.host_directories, self.host_directories, strict=True):
            shutil.copytree(theirs, ours, dirs_exist_ok=True)
        ledger = root / "state/ledger.json"
        shutil.copy(stage.node.root / "var/lib/registry-node-agent/ledger.json", ledger)
        ready = root / "ready"
        flags = {
            "before": before,
            "after": after,
            "ledger": ledger,
            "ready": ready,
            **values(self.place),
        }
        given = [f"--{name}={value}" for name, value in flags.items()]
        python = stage.agent.python
        command = [*python.command, "-m", module, *given]
        self.process: NodeProcess = stage.node.popen(
            [*command, *map(str, self.host_directories)], env=python.environment, cwd=CLONE
        )
        wait_until(ready.exists, what="the bare process follows")
