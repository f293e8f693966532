"""A bare interpreter that imports what the agent imports, and of the agent itself nothing."""

import json
from pathlib import Path
from subprocess import PIPE

from tests.demo.agent import CLONE
from tests.demo.stage import Stage
from tests.ground.namespaces import NodeProcess, NodeTroubleError

_LIST = "import sys, json, agent.__main__; print(json.dumps(list(sys.modules)))"
_IMPORT = """\
import contextlib, importlib, json, sys, threading
with open(sys.argv[1]) as file:
    names = json.load(file)
for name in names:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
sys.stdout.write("imported\\n")
sys.stdout.flush()
threading.Event().wait()
"""


class BareInterpreter:
    """The list of modules, taken once, and interpreters that import them."""

    def __init__(self, stage: Stage) -> None:
        self._node, self._python = stage.node, stage.agent.python
        done = stage.node.run(
            [*self._python.command, "-c", _LIST], env=self._python.environment, cwd=CLONE
        )
        if done.returncode:
            raise NodeTroubleError(f"the agent cannot be imported: {done.stderr}")
        names = [name for name in json.loads(done.stdout) if name.partition(".")[0] != "agent"]
        self.count = len(names)
        self._list: Path = stage.node.root / "run/modules.json"
        self._list.write_text(json.dumps(names))

    def start(self) -> NodeProcess:
        """Start one; it has imported all when this returns, and is idle."""
        process = self._node.popen(
            [*self._python.command, "-c", _IMPORT, str(self._list)],
            env=self._python.environment,
            cwd=CLONE,
            stdout=PIPE,
        )
        if process.stdout is None or process.stdout.readline() != "imported\n":
            raise NodeTroubleError("the bare interpreter did not start")
        return process
