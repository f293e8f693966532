"""Go through every scenario at length: `make rotation`; `python -m tests.rotation --quick`.

Ends with 1 when a single pull or push has failed.
"""

import sys

from tests.demo.guard import guarded


def main() -> int:
    """Play and print. The imports are here because an older Python could not read them."""
    from tests.ground.debian import ProgramMissingError  # noqa: PLC0415
    from tests.ground.namespaces import NodeTroubleError  # noqa: PLC0415
    from tests.rotation.session import Effort, play  # noqa: PLC0415

    match sys.argv[1:]:
        case []:
            effort = Effort(rotation=10_000, others=500)
        case ["--quick"]:
            effort = Effort(rotation=100, others=100)
        case _:
            sys.stderr.write("usage: python -m tests.rotation [--quick]\n")
            return 2
    try:
        return play(effort)
    except (NodeTroubleError, ProgramMissingError) as trouble:
        sys.stderr.write(f"\nrotation: {trouble}\n")
        return 1


if __name__ == "__main__":
    sys.exit(guarded("rotation", main))
