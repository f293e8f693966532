"""The child process that asks systemd: one JSON request on stdin, its exit status the answer.

A process without capabilities may do so as uid 0 (org.freedesktop.systemd1, systemd 252). The
words of a refusal are on stderr, in one line.
"""

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection
    from jeepney.low_level import Message

NO_JEEPNEY = 3
REFUSED = 1
ANSWER_SECONDS = 20.0
BUS_NAME, MANAGER_PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
MANAGER, UNIT = f"{BUS_NAME}.Manager", f"{BUS_NAME}.Unit"


def main() -> int:
    """Reload the unit of a process. Exit status NO_JEEPNEY says that jeepney is not installed."""
    request = json.load(sys.stdin)
    try:
        from jeepney.io.blocking import open_dbus_connection  # noqa: PLC0415 - may be missing
        from jeepney.wrappers import DBusErrorResponse  # noqa: PLC0415 - likewise
    except ImportError:
        return NO_JEEPNEY
    try:
        with open_dbus_connection(f"unix:path={request['socket']}") as bus:
            result = reload(bus, request["pid"])
    except (OSError, DBusErrorResponse) as error:
        sys.stderr.write(f"{request['socket']}: {error}\n")
        return REFUSED
    if result != "done":
        sys.stderr.write(f"systemd says that its job {result}\n")
    return 0 if result == "done" else REFUSED


def reload(bus: "DBusConnection", pid: int) -> str:
    """How the job that reloads the unit of a process ended: `done`, `failed`, `timeout`, ..."""
    from jeepney import (  # noqa: PLC0415 - `main` has seen that it is there
        DBusAddress,
        MatchRule,
        message_bus,
        new_method_call,
    )
    from jeepney.wrappers import unwrap_msg  # noqa: PLC0415 - likewise

    manager = DBusAddress(MANAGER_PATH, BUS_NAME, MANAGER)
    ended = MatchRule(type="signal", interface=MANAGER, member="JobRemoved", path=MANAGER_PATH)

    def ask(call: "Message") -> object:
        reply = unwrap_msg(bus.send_and_get_reply(call, timeout=ANSWER_SECONDS))
        return reply[0] if reply else None

    ask(message_bus.AddMatch(ended))
    with bus.filter(ended) as jobs:
        ask(new_method_call(manager, "Subscribe"))
        path = ask(new_method_call(manager, "GetUnitByPID", "u", (pid,)))
        unit = DBusAddress(str(path), BUS_NAME, UNIT)
        job = ask(new_method_call(unit, "Reload", "s", ("replace",)))
        while True:
            _, ended_job, _, result = bus.recv_until_filtered(jobs, timeout=ANSWER_SECONDS).body
            if ended_job == job:
                return str(result)


if __name__ == "__main__":
    sys.exit(main())
