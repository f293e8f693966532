"""Patches Services as a pipe tells it to, and answers with the time just before each.

In the node's network and with an open connection, so that the clock starts at the request itself.
A ClusterIP that was given back is free again only a moment later: until then it is asked for anew.
"""

import argparse
import json
import sys
from pathlib import Path
from threading import Event
from time import monotonic

from tests.bench.bare_api import BareApi, RefusedError

_NOT_FREE_YET = "provided IP is already allocated"
_TRIES, _PAUSE_SECONDS = 250, 0.02


def main() -> None:
    """A line with a path and a patch; a line with the monotonic time; and so on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pipe", type=Path)
    BareApi.add_arguments(parser)
    arguments = parser.parse_args()
    api = BareApi(arguments)
    with arguments.pipe.open() as pipe:
        for line in pipe:
            sys.stdout.write(f"{_patched(api, *json.loads(line))}\n")
            sys.stdout.flush()


def _patched(api: BareApi, path: str, patch: object) -> float:
    """The monotonic time just before the request that was taken. Raises RefusedError."""
    for _ in range(_TRIES):
        began = monotonic()
        try:
            api.ask("PATCH", path, patch)
        except RefusedError as refusal:
            if _NOT_FREE_YET not in str(refusal):
                raise
            Event().wait(_PAUSE_SECONDS)
        else:
            return began
    raise RefusedError(f"{path}: its ClusterIP does not become free")


if __name__ == "__main__":
    main()
