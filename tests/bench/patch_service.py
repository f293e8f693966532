"""Patches Services as a pipe tells it to, and answers with the time just before each.

In the node's network and with an open connection, so that the clock starts at the request itself.
"""

import argparse
import json
import sys
from pathlib import Path
from time import monotonic

from tests.bench.bare_api import BareApi


def main() -> None:
    """A line with a path and a patch; a line with the monotonic time; and so on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pipe", type=Path)
    BareApi.add_arguments(parser)
    arguments = parser.parse_args()
    api = BareApi(arguments)
    with arguments.pipe.open() as pipe:
        for line in pipe:
            path, patch = json.loads(line)
            began = monotonic()
            api.ask("PATCH", path, patch)
            sys.stdout.write(f"{began}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
