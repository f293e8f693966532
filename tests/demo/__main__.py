"""Run the demo: `make demo`.

Status 0 if every step went as told; 1 with the reason otherwise. Whatever ends it, also Ctrl-C,
what it made is gone afterwards: the node dies with its first process.
"""

import sys

from tests.demo.guard import guarded


def main() -> int:
    """Play it. The imports are here because an older Python could not read them."""
    from tests.demo.story import tell  # noqa: PLC0415
    from tests.demo.telling import NotAsToldError, say  # noqa: PLC0415
    from tests.ground.debian import ProgramMissingError  # noqa: PLC0415
    from tests.ground.namespaces import NodeTroubleError  # noqa: PLC0415

    try:
        tell()
    except NotAsToldError as other:
        sys.stderr.write(f"\ndemo: NOT AS TOLD in {other}\n")
        return 1
    except (NodeTroubleError, ProgramMissingError) as trouble:
        sys.stderr.write(f"\ndemo: it cannot be shown here: {trouble}\n")
        return 1
    say()
    say("All as told. What was made for this is gone; nothing was installed.")
    return 0


if __name__ == "__main__":
    sys.exit(guarded("demo", main))
