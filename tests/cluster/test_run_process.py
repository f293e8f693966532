"""`run` as a process: it lives, answers and ends well, whatever the API server does."""

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

from tests.cluster import misbehaviour
from tests.cluster.clusters import StubCluster
from tests.cluster.kube_access import kubeconfig
from tests.cluster.stub_api_server import StubApiServer
from tests.ground.namespaces import wait_until

SECONDS_EACH = 0.4

_REST = Event()  # never set: waiting on it is a pause


class Run:
    """The process, and the port of its pages."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self._port = port

    def get(self, path: str) -> tuple[int, str]:
        """Status and text; 0 while nobody listens."""
        url = f"http://127.0.0.1:{self._port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, ""
        except OSError:
            return 0, ""

    def end(self) -> float:
        """Ask it to end; how long that took."""
        began = monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        return monotonic() - began


@contextmanager
def running(directory: Path, *, root: Path | None = None) -> Iterator[Run]:
    """`root` is the node's; one where nothing is, if it is not given."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    if root is None:
        root = directory / "root"
        root.mkdir()
    flags = [
        f"--kubeconfig={directory / 'kubeconfig'}",
        f"--host-root={root}",
        f"--listen=127.0.0.1:{port}",
    ]
    with (
        (directory / "log").open("w") as stderr,
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "agent", "run", *flags], stderr=stderr
        ) as process,
    ):
        try:
            yield Run(process, port)
        finally:
            process.kill()


def test_it_lives_through_everything_and_ends_when_it_is_asked_to(
    stub: StubApiServer, tmp_path: Path
) -> None:
    StubCluster(server=stub, directory=tmp_path)
    with running(tmp_path) as run:
        wait_until(lambda: run.get("/readyz")[0] == 200, what="the first pass has ended")
        wait_until(lambda: "registry_agent_api_up 1.0" in run.get("/metrics")[1], what="contact")
        for misbehave in misbehaviour.ALL.values():
            stub.misbehave = misbehave
            stub.cut_connections()
            _REST.wait(SECONDS_EACH)
            assert run.get("/livez")[0] == 200
        assert "Traceback" not in (tmp_path / "log").read_text()
        assert run.end() < 3


def test_it_starts_without_an_api_server_and_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    kubeconfig(tmp_path, port=port)
    with running(tmp_path) as run:
        wait_until(lambda: run.get("/readyz")[0] == 200, what="the first pass has ended")
        assert run.get("/livez")[0] == 200
        assert "registry_agent_api_up 0.0" in run.get("/metrics")[1]
        assert run.end() < 3
