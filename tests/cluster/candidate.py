"""A candidate in a process of its own: `python -m tests.cluster.candidate KUBECONFIG NAME LOG`.

It writes its name into LOG as long as it leads. Nobody else writes between the question whether it
leads and the answer, so the lines stand in the order of what was so.
"""

import fcntl
import json
import sys
import threading
from pathlib import Path

from agent.cluster.connection import Kubeconfig
from agent.cluster.leadership import Leadership
from agent.ending import when_asked_to_end
from agent.node.clock import SystemClock
from agent.planning.election import Timing
from tests.cluster.kube_access import api_over


def main(kubeconfig: str, name: str, log: str, timing: str) -> None:
    over = threading.Event()
    when_asked_to_end(over.set)
    with api_over(Kubeconfig(Path(kubeconfig)), read_seconds=2.0) as api:
        leadership = Leadership(
            api,
            identity=name,
            clock=SystemClock(),
            changed=lambda: None,
            timing=Timing(**json.loads(timing)),
        )
        leadership.start()
        while not over.wait(0.01):
            with Path(log).open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if leadership.is_leader:
                    file.write(f"{name}\n")
        leadership.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
