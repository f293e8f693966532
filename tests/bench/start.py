"""(d) From starting `run` to the end of its first pass, in sync, with the runtime's own proof.

Against a bare interpreter, from its start until it has imported the same libraries. On a node where
the agent's files stand already, as after an update of the DaemonSet, and on one that has none.
"""

import json
from subprocess import PIPE
from time import monotonic

from tests.bench.figures import Row
from tests.bench.imports import BareInterpreter
from tests.demo.agent import CLONE
from tests.demo.stage import Stage
from tests.ground.namespaces import NodeTroubleError


def measure(stage: Stage, *, starts: int) -> tuple[Row, ...]:
    """The rows. The agent must not be running; its files are gone in the end."""
    interpreter = BareInterpreter(stage)
    again, first, bare = [], [], []
    stage.agent.call("remove")
    for _ in range(starts):
        first.append(_agent_start(stage))
        bare.append(_bare_start(interpreter))
        again.append(_agent_start(stage))
        stage.agent.call("remove")
    return (
        Row(what="(d) start -> in sync, files there", unit="ms", agent=again, least=bare),
        Row(what="(d) start -> in sync, new node", unit="ms", agent=first, least=bare),
    )


def _agent_start(stage: Stage) -> float:
    began = monotonic()
    command = stage.agent.command("run")
    environment = stage.agent.python.environment
    with stage.node.popen(command, env=environment, cwd=CLONE, stderr=PIPE) as process:
        for line in process.stderr or ():
            event = json.loads(line)
            if event["event"] == "pass ended":
                took = monotonic() - began
                if not event["in_sync"]:
                    raise NodeTroubleError(f"the agent's first pass: {event['problems']}")
                process.end()
                return took * 1000
    raise NodeTroubleError("the agent ended before its first pass did")


def _bare_start(interpreter: BareInterpreter) -> float:
    began = monotonic()
    with interpreter.start() as process:
        took = monotonic() - began
        process.end()
    return took * 1000
