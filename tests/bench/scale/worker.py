"""A process of the bench inside the network of the API server, spoken to through a socket file.

`multiprocessing.managers` does the speaking: a method called outside is run here.
"""

import os
import pickle
import resource
import sys
import threading
from base64 import b64decode
from multiprocessing.managers import BaseManager
from pathlib import Path

from tests.bench.scale.crowd import Crowd
from tests.bench.scale.hand import Hand

KEY = b"both ends are ours"
NAME = "inhabitant"
_STACK_BYTES = 256 * 1024  # Python's own calls need none; OpenSSL takes the most
_SWITCH_SECONDS = 1.0
"""Threads here soon wait for the network by themselves. With the default of 5 ms each one that is
ready wakes 200 times a second to ask for its turn, and a thousand of them keep two cores busy."""


_NICER = {"crowd": 10, "hand": 0}
"""A fleet's nodes have processors of their own: here they do not take the API server's."""


class Manager(BaseManager):
    """One object of a process, reached from another."""


def main() -> None:
    """Serve one object until killed: of a class, made from a pickled argument."""
    socket, kind, argument = sys.argv[1:]
    os.nice(_NICER[kind])
    threading.stack_size(_STACK_BYTES)
    sys.setswitchinterval(_SWITCH_SECONDS)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    made = {"crowd": Crowd, "hand": Hand}[kind](pickle.loads(b64decode(argument)))  # noqa: S301
    Manager.register(NAME, callable=lambda: made)
    server = Manager(address=f"{socket}~", authkey=KEY).get_server()
    Path(f"{socket}~").rename(socket)  # there only once it listens
    server.serve_forever()


if __name__ == "__main__":
    main()
