"""A D-Bus system bus on a node, with as much of systemd on it as reloads one unit.

A node of these tests has no init system: this stands in for it, speaks its words (the interface
org.freedesktop.systemd1, systemd 252), and does what the unit's ExecReload does.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jeepney import DBusAddress, new_error, new_method_return, new_signal
from jeepney.low_level import HeaderFields, Message, Parser

from tests.ground.closing import Closing

BUS = "run/dbus/system_bus_socket"
UNIT_PATH = "/org/freedesktop/systemd1/unit/crio_2eservice"
JOB_PATH = "/org/freedesktop/systemd1/job/1"
MANAGER = DBusAddress("/org/freedesktop/systemd1", interface="org.freedesktop.systemd1.Manager")
NO_UNIT = "org.freedesktop.systemd1.NoUnitForPID"


class UnitBus(Closing):
    """Serves until it is closed. `reload` is what reloading does, while `result` is "done"."""

    def __init__(self, *, root: Path, pid: Callable[[], int], reload: Callable[[], None]) -> None:
        self._pid, self._reload = pid, reload
        self.reloads = 0
        self.result = "done"
        place = root / BUS
        place.parent.mkdir(parents=True, exist_ok=True)
        # A socket's path may have 107 bytes: it is named from its own folder.
        folder = os.open(place.parent, os.O_PATH | os.O_DIRECTORY)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"/proc/self/fd/{folder}/{place.name}")
        os.close(folder)
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(30)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError):
                connection.settimeout(30)
                self._greet(connection)
                self._answer_all(connection)

    def _greet(self, connection: socket.socket) -> None:
        """The handshake: whoever connects is who the kernel says he is."""
        lines = connection.makefile("rb", buffering=0)
        while line := lines.readline():
            if line.startswith(b"\0AUTH"):
                connection.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
            elif line.startswith(b"BEGIN"):
                return

    def _answer_all(self, connection: socket.socket) -> None:
        parser = Parser()
        while data := connection.recv(65536):
            parser.add_data(data)
            while (message := parser.get_next_message()) is not None:
                for serial, answer in enumerate(self._answers(message), start=1):
                    connection.sendall(answer.serialise(serial=serial))

    def _answers(self, call: Message) -> list[Message]:
        member = call.header.fields[HeaderFields.member]
        match member:
            case "Hello":
                return [new_method_return(call, "s", (":1.1",))]
            case "AddMatch" | "Subscribe":
                return [new_method_return(call)]
            case "GetUnitByPID" if call.body == (self._pid(),):
                return [new_method_return(call, "o", (UNIT_PATH,))]
            case "Reload":
                self.reloads += 1
                if self.result == "done":
                    self._reload()
                ended = (1, JOB_PATH, "crio.service", self.result)
                return [
                    new_method_return(call, "o", (JOB_PATH,)),
                    new_signal(MANAGER, "JobRemoved", "uoss", ended),
                ]
            case _:
                return [new_error(call, NO_UNIT, "s", ("there is no such unit",))]
