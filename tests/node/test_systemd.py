"""Where systemd cannot be asked, that is what is told.

No systemd is needed for it; the real one is asked in tests/realnode/test_systemd.py.
"""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.node.systemd import SOCKET, Systemd
from agent.node.unit_proxies import UnitProxies


@pytest.fixture
def host_root() -> Iterator[Path]:
    """A short path: a socket's own path has 107 bytes only."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        (Path(path) / "run/dbus").mkdir(parents=True)
        yield Path(path)


def test_a_node_without_a_bus_says_so(host_root: Path) -> None:
    systemd = Systemd(host_root)
    words = f"{host_root}{SOCKET}: [Errno 2] No such file or directory"
    assert systemd.reload(pid=1) == words
    assert systemd.restart(unit="containerd.service") == words
    assert systemd.run(["/bin/true"]) == words
    assert systemd.unit_of(pid=1) == words


def test_nothing_is_known_of_its_proxies_then(host_root: Path) -> None:
    assert UnitProxies(host_root, systemd=Systemd(host_root)).proxies(pid=1) == {}


def test_a_bus_at_which_nobody_listens_says_so(host_root: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(host_root / SOCKET.lstrip("/")))
        assert "refused" in Systemd(host_root).reload(pid=1)


def test_the_bus_is_found_as_the_node_would_find_it(host_root: Path) -> None:
    (host_root / "run/dbus").rmdir()
    (host_root / "run/dbus").symlink_to("/var/run/other")
    assert f"{host_root}/var/run/other" in Systemd(host_root).reload(pid=1)
