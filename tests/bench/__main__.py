"""Run the bench: `make bench`, about four minutes; `python -m tests.bench --quick`, one."""

import sys

from tests.demo.guard import guarded


def main() -> int:
    """Measure and print. The imports are here because an older Python could not read them."""
    from tests.bench.session import Effort, measure  # noqa: PLC0415
    from tests.ground.debian import ProgramMissingError  # noqa: PLC0415
    from tests.ground.namespaces import NodeTroubleError  # noqa: PLC0415

    match sys.argv[1:]:
        case []:
            effort = Effort(changes=200, pulls=100, idle_seconds=60, starts=5)
        case ["--quick"]:
            effort = Effort(changes=10, pulls=10, idle_seconds=5, starts=2)
        case _:
            sys.stderr.write("usage: python -m tests.bench [--quick]\n")
            return 2
    try:
        measure(effort)
    except (NodeTroubleError, ProgramMissingError) as trouble:
        sys.stderr.write(f"\nbench: {trouble}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(guarded("bench", main))
