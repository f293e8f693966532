"""The child process that asks systemd: one JSON request on stdin, one JSON answer on stdout.

A process without capabilities may do so as uid 0. Names and signatures: org.freedesktop.systemd1,
systemd 252. What is refused is told under the key `refusal`, in words.
"""

import json
import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection
    from jeepney.low_level import Message

NO_JEEPNEY = 3
BUS_SECONDS = 5.0
BUS_NAME, MANAGER_PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
MANAGER, UNIT, SERVICE = (f"{BUS_NAME}.{name}" for name in ("Manager", "Unit", "Service"))


def main() -> int:
    """Answer one request. Exit status NO_JEEPNEY says that jeepney is not installed."""
    request = json.load(sys.stdin)
    try:
        from jeepney.io.blocking import open_dbus_connection  # noqa: PLC0415 - may be missing
        from jeepney.wrappers import DBusErrorResponse  # noqa: PLC0415 - likewise
    except ImportError:
        return NO_JEEPNEY
    # A socket's path may be longer than the 107 bytes that AF_UNIX takes: name it from its folder.
    folder, name = os.path.split(request["socket"])
    answer: dict[str, Any]
    try:
        os.chdir(folder)
        with open_dbus_connection(f"unix:path={name}", auth_timeout=BUS_SECONDS) as bus:
            answer = Manager(bus, seconds=request["seconds"]).answer(request)
    except (OSError, EOFError, DBusErrorResponse) as error:
        answer = {"refusal": f"{request['socket']}: {str(error) or type(error).__name__}"}
    json.dump(answer, sys.stdout)
    return 0


class Manager:
    """systemd's manager, at the other end of a bus. Methods raise DBusErrorResponse, OSError."""

    def __init__(self, bus: "DBusConnection", *, seconds: float) -> None:
        """`seconds` is what an answer, and the end of a job, may take."""
        self._bus = bus
        self._seconds = seconds

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """What is answered to a request."""
        match request:
            case {"do": "unit", "pid": int(pid)}:
                return self._unit(self._path_of(pid))
            case {"do": "reload", "pid": int(pid)}:
                return self._job(self._path_of(pid), UNIT, "Reload", "s", ("replace",))
            case {"do": "restart", "unit": str(unit)}:
                return self._job(MANAGER_PATH, MANAGER, "RestartUnit", "ss", (unit, "replace"))
            case {"do": "run", "unit": str(unit), "command": [str(program), *arguments]}:
                properties = [
                    ("Type", ("s", "oneshot")),
                    ("CollectMode", ("s", "inactive-or-failed")),
                    ("ExecStart", ("a(sasb)", [(program, [program, *arguments], False)])),
                    ("StandardOutput", ("s", "null")),
                ]
                body: tuple[object, ...] = (unit, "fail", properties, [])
                signature = "ssa(sv)a(sa(sv))"
                return self._job(MANAGER_PATH, MANAGER, "StartTransientUnit", signature, body)
            case _:
                return {"refusal": "this request is not known"}

    def _path_of(self, pid: int) -> str:
        (path,) = self._call(MANAGER_PATH, MANAGER, "GetUnitByPID", "u", (pid,))
        return str(path)

    def _unit(self, path: str) -> dict[str, Any]:
        """A service's name, the program that it starts, and the environment that it gives it."""
        commands = self._property(path, SERVICE, "ExecStart")
        files = self._property(path, SERVICE, "EnvironmentFiles")
        return {
            "name": self._property(path, UNIT, "Id"),
            "program": commands[0][0] if commands else "",
            "environment": [
                *self._property(MANAGER_PATH, MANAGER, "Environment"),
                *self._property(path, SERVICE, "Environment"),
            ],
            "environment_files": [file for file, _ in files],
        }

    def _job(
        self, path: str, interface: str, method: str, signature: str, body: tuple[object, ...]
    ) -> dict[str, Any]:
        """Start a job and wait for its end; a refusal for any other than `done`."""
        from jeepney import MatchRule, message_bus  # noqa: PLC0415 - `main` has seen it

        ended = MatchRule(type="signal", interface=MANAGER, member="JobRemoved", path=MANAGER_PATH)
        jobs: deque[Message] = deque()
        self._ask(message_bus.AddMatch(ended))
        with self._bus.filter(ended, queue=jobs):
            self._call(MANAGER_PATH, MANAGER, "Subscribe")
            (job,) = self._call(path, interface, method, signature, body)
            ended_job = result = ""
            while ended_job != job:
                message = self._bus.recv_until_filtered(jobs, timeout=self._seconds)
                _, ended_job, _, result = message.body
        return {} if result == "done" else {"refusal": f"systemd says that its job {result}"}

    def _property(self, path: str, interface: str, name: str) -> Any:  # noqa: ANN401 - any it has
        arguments = (interface, name)
        ((_, value),) = self._call(path, "org.freedesktop.DBus.Properties", "Get", "ss", arguments)
        return value

    def _call(
        self,
        path: str,
        interface: str,
        method: str,
        signature: str | None = None,
        body: tuple[object, ...] = (),
    ) -> Any:  # noqa: ANN401 - what the method returns
        from jeepney import DBusAddress, new_method_call  # noqa: PLC0415 - `main` has seen it

        address = DBusAddress(path, BUS_NAME, interface)
        return self._ask(new_method_call(address, method, signature, body))

    def _ask(self, call: "Message") -> Any:  # noqa: ANN401 - what the method returns
        from jeepney.wrappers import unwrap_msg  # noqa: PLC0415 - `main` has seen it

        return unwrap_msg(self._bus.send_and_get_reply(call, timeout=self._seconds))


if __name__ == "__main__":
    sys.exit(main())
