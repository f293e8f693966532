"""`issue`, in a world that is faster than ours, and mortal: `python -m tests.rotation.compressed`.

What is no setting is shortened here: by how much certificates are dated back, and how long a pod
may go on to serve what its Secret held before. With $DIE_AFTER_A_WRITE set it is killed as soon as
it has changed one object; its own Lease, which it renews all the time, does not count.
"""

import os
import signal
import sys
from datetime import timedelta

BACKDATED = timedelta(seconds=5)
REFRESH = timedelta(seconds=8)
DIE = "DIE_AFTER_A_WRITE"
_CHANGES = {"POST", "PATCH", "PUT", "DELETE"}


def shorten() -> None:
    """Before any other module has taken these over."""
    from agent.planning import trust_model  # noqa: PLC0415

    trust_model.BACKDATE = BACKDATED
    trust_model.Lifetimes.__init__.__kwdefaults__ |= {"refresh": REFRESH}  # type: ignore[operator]


def make_mortal() -> None:
    """Die with the first change that the API server has said yes to."""
    from agent.cluster.api import Api  # noqa: PLC0415

    call = Api._call  # noqa: SLF001

    def call_and_die(self: Api, method: str, path: str, **more: object) -> object:
        answer = call(self, method, path, **more)  # type: ignore[arg-type]
        if method in _CHANGES and "/leases" not in path and "/events" not in path:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Api._call = call_and_die  # type: ignore[assignment,method-assign] # noqa: SLF001


def main() -> int:
    """The program itself, after that."""
    shorten()
    if os.environ.get(DIE):
        make_mortal()
    from agent.__main__ import main as program  # noqa: PLC0415

    return program()


if __name__ == "__main__":
    sys.exit(main())
