"""`fleet`: the state of all nodes in one table, once, or again and again until Ctrl-C."""

import shutil
import sys
import threading
import time
from collections.abc import Iterable

from agent.errors import ClusterTrouble
from agent.planning.fleet import Fleet
from agent.reporting import tables
from agent.reporting.terminal import complain, say
from agent.settings import Settings

PAUSE_SECONDS = 2.0
PAUSE_SHARE = 10
"""Ten times as long as a look took, too: what is much work for the API server comes seldom."""

_CLEAR = "\x1b[H\x1b[2J"  # home, erase: what every terminal does
_OTHER_LINES = 6  # of a screen: what is not a node's


def fleet(settings: Settings) -> int:
    """All nodes, worst first. Raises ClusterTrouble when the API server does not answer at first.

    One that fails later is complained of, and what was seen last stays on the screen.
    """
    from agent import api_server  # noqa: PLC0415 - no other command is to load it

    reader = api_server.fleet_reader(settings)
    never = threading.Event()
    say(_lines(reader.read(), settings))
    pause = PAUSE_SECONDS
    while settings.watch:
        never.wait(pause)
        began = time.monotonic()
        try:
            say(_lines(reader.read(), settings))
        except ClusterTrouble as trouble:
            complain([trouble.problem])
        pause = max(PAUSE_SECONDS, PAUSE_SHARE * (time.monotonic() - began))
    return 0


def _lines(found: Fleet, settings: Settings) -> Iterable[str]:
    if settings.output == "json":
        return [tables.fleet_json(found)]
    if not (settings.watch and sys.stdout.isatty()):
        return tables.fleet_lines(found)
    room = shutil.get_terminal_size().lines - _OTHER_LINES
    first, *others = tables.fleet_lines(found, most_rows=max(1, room))
    return [_CLEAR + first, *others]
