"""Run the scale bench: `make bench-scale`; `python -m tests.bench.scale --quick`, six minutes."""

import sys

from tests.demo.guard import guarded


def main() -> int:
    """Measure and print. The imports are here because an older Python could not read them."""
    from tests.bench.scale.session import Effort, measure  # noqa: PLC0415
    from tests.ground.debian import ProgramMissingError  # noqa: PLC0415
    from tests.ground.namespaces import NodeTroubleError  # noqa: PLC0415

    match sys.argv[1:]:
        case []:
            effort = Effort(
                fleets=(100, 1000, 5000),
                restarts=frozenset({1000, 5000}),
                outages=frozenset({1000}),
                changes=15,
                whole_changes=5,
                rest_seconds=45,
            )
        case ["--quick"]:
            some = frozenset({100})
            effort = Effort(
                fleets=(100,),
                restarts=some,
                outages=some,
                changes=5,
                whole_changes=2,
                rest_seconds=30,
            )
        case _:
            sys.stderr.write("usage: python -m tests.bench.scale [--quick]\n")
            return 2
    try:
        measure(effort)
    except (NodeTroubleError, ProgramMissingError) as trouble:
        sys.stderr.write(f"\nbench: {trouble}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(guarded("bench", main))
