"""Run the demo: `make demo`.

Status 0 if every step went as told; 1 with the reason otherwise. Whatever ends it, also Ctrl-C,
what it made is gone afterwards: the node dies with its first process.
"""

import os
import signal
import sys
from types import FrameType

_INTERRUPTED = 130


def main() -> int:
    """The demo; its exit status."""
    obstacle = _obstacle()
    if obstacle:
        sys.stderr.write(f"demo: {obstacle}\n")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        return _play()
    except KeyboardInterrupt:
        sys.stderr.write("demo: interrupted; what it made is gone\n")
        return _INTERRUPTED


def _obstacle() -> str:
    """Why it cannot even begin here; before any import that an older Python cannot read."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it is started by whatever python3 there is
        return f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}"
    if os.geteuid() != 0:
        return "root is needed: the node is made of namespaces and mounts of its own"
    return ""


def _play() -> int:
    from tests.demo.story import tell  # noqa: PLC0415 - see _obstacle
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


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End here and now, and let nothing interrupt the cleaning up."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
