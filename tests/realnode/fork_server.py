"""A program inside a node that runs the agent again and again, without its start each time.

It imports the agent once. For every line that it is sent, the arguments of a command as JSON, it
forks; it answers with the fork's process id, the fork waits for one byte, runs the command, and
its exit status is the second answer. In between a test may attach a tracer.
"""

import json
import os
import socket
import sys

from agent.__main__ import main as run_agent


def serve(connection: socket.socket, *, said: str) -> None:
    with connection.makefile("rw") as line:
        while order := line.readline():
            pid = os.fork()
            if pid == 0:
                connection.recv(1)
                _become_agent(json.loads(order), said=said)
            line.write(f"{pid}\n")
            line.flush()
            _, status = os.waitpid(pid, 0)
            line.write(f"{os.waitstatus_to_exitcode(status)}\n")
            line.flush()


def _become_agent(arguments: list[str], *, said: str) -> None:
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv[1:] = arguments
    status = 70
    try:
        status = run_agent()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as own:
        own.connect(sys.argv[1])
        serve(own, said=sys.argv[2])
