"""The least that can follow a file: one watch, one regular expression, no YAML."""

import argparse
import re
from pathlib import Path

from inotify_simple import INotify, flags  # type: ignore[import-untyped]

from tests.bench.bare_renames import BareRenames

_ADDRESS = re.compile(rb"clusterIP: (\S+)")


def main() -> None:
    """Watch until killed."""
    arguments = _arguments()
    renames = BareRenames(arguments)
    with INotify() as inotify:
        inotify.add_watch(arguments.manifests, flags.MOVED_TO)
        arguments.ready.touch()
        while True:
            if arguments.file not in {event.name for event in inotify.read()}:
                continue
            found = _ADDRESS.search((arguments.manifests / arguments.file).read_bytes())
            if found is not None:
                renames.point_to(found[1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--manifests", type=Path)
    parser.add_argument("--file")
    BareRenames.add_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
