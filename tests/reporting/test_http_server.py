"""Three pages over loopback, whatever clients do, and a taken port stops nothing here."""

import gzip
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.errors import Problem, Reason
from agent.planning.listen_address import ListenAddress
from agent.reporting import http_server
from agent.reporting.http_server import HttpServer
from agent.reporting.metrics import Metrics

SOON = 5.0


class Serving:
    """A server in a thread, whose health the test sets."""

    def __init__(self, address: ListenAddress) -> None:
        self.live = (True, "alive")
        self.ready = (False, "the first pass has not ended")
        self.said: list[Problem] = []
        self.heard = threading.Event()
        self.stop = threading.Event()
        self.changes: list[tuple[Problem, ...]] = []
        self.server = HttpServer(
            address=address,
            metrics=Metrics(version="1", dropped_log_lines=lambda: 0),
            live=lambda: self.live,
            ready=lambda: self.ready,
            stop=self.stop,
            say=self.say,
            changed=lambda: self.changes.append(self.server.problems),
        )
        self.host = address.host
        self.thread = threading.Thread(target=self.server.run)

    def say(self, problem: Problem) -> None:
        self.said.append(problem)
        self.heard.set()

    def ask(
        self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        client = http.client.HTTPConnection(self.host, self.server.port, timeout=SOON)
        try:
            client.request(method, path, headers=headers or {})
            response = client.getresponse()
            return response, response.read()
        finally:
            client.close()

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.server.port), timeout=SOON)


@contextmanager
def serving(host: str = "127.0.0.1", port: int = 0) -> Iterator[Serving]:
    found = Serving(ListenAddress(host=host, port=port))
    found.thread.start()
    try:
        yield found
    finally:
        found.stop.set()
        found.thread.join(SOON)
        assert not found.thread.is_alive()


@pytest.fixture
def served() -> Iterator[Serving]:
    with serving() as found:
        assert found.server.listening.wait(SOON)
        yield found


def test_metrics_are_served(served: Serving) -> None:
    response, body = served.ask("/metrics")

    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    assert b"registry_agent_in_sync 0.0" in body


def test_open_metrics_and_gzip_are_given_to_those_who_ask(served: Serving) -> None:
    headers = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}
    response, body = served.ask("/metrics", headers=headers)

    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert gzip.decompress(body).endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_200_or_503_with_a_line_of_text(served: Serving, path: str) -> None:
    served.live = served.ready = (True, "well")
    response, body = served.ask(path)
    assert (response.status, body) == (200, b"well\n")

    served.live = served.ready = (False, "über 30 s")
    response, body = served.ask(path + "?verbose")
    assert (response.status, body.decode()) == (503, "über 30 s\n")


def test_live_and_ready_are_not_the_same(served: Serving) -> None:
    assert served.ask("/livez")[0].status == 200
    assert served.ask("/readyz")[0].status == 503


def test_other_pages_are_not_found(served: Serving) -> None:
    for path in ("/", "/metrics/", "/debug", "/livez/x"):
        assert served.ask(path)[0].status == 404


def test_head_has_no_body_and_other_methods_are_refused(served: Serving) -> None:
    response, body = served.ask("/metrics", method="HEAD")
    assert (response.status, body) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0

    assert served.ask("/metrics", method="POST")[0].status == 501


def test_nothing_is_said_on_stderr_and_no_version_is_given_away(
    served: Serving, capfd: pytest.CaptureFixture[str]
) -> None:
    response, _ = served.ask("/nothing")
    with served.connect() as client:
        client.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
        client.recv(4096)
    with served.connect() as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")  # and gone, unread

    assert response.headers["Server"] == "registry-node-agent"
    assert served.ask("/livez")[0].status == 200
    assert capfd.readouterr().err == ""


def test_a_slow_client_is_cut_off_however_it_spreads_its_bytes(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", 0.2)
    with served.connect() as client:
        pause = threading.Event()
        for _ in range(100):
            try:
                client.sendall(b"G")
            except OSError:
                break
            if pause.wait(0.05):
                break
        else:
            pytest.fail("the connection was never closed")
    assert served.ask("/livez")[0].status == 200


def test_too_many_connections_are_turned_away_and_later_ones_are_served(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "CONNECTIONS", 2)
    held = [served.connect() for _ in range(2)]
    try:
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            served.ask("/livez")
    finally:
        for client in held:
            client.close()
    for _ in range(50):
        try:
            assert served.ask("/livez")[0].status == 200
            break
        except (http.client.RemoteDisconnected, ConnectionResetError):
            threading.Event().wait(0.05)
    else:
        pytest.fail("never served again")


def test_ipv6_is_served() -> None:
    with serving("::1") as served:
        assert served.server.listening.wait(SOON)
        assert served.ask("/livez")[0].status == 200


def test_a_taken_port_is_said_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "RETRY_SECONDS", 0.05)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving(port=port) as served:
            assert served.heard.wait(SOON)
            assert not served.server.listening.wait(0.3)
            (problem,) = served.said
            taken.close()
            assert served.server.listening.wait(SOON)
            assert served.ask("/livez")[0].status == 200

    assert served.changes == [(problem,), ()]
    assert problem == Problem(
        reason=Reason.LISTEN_FAILED, where=f"127.0.0.1:{port}", detail="Address already in use"
    )


def test_a_host_that_is_none_is_said_and_stops_nothing() -> None:
    with serving("no-such-host.invalid") as served:
        assert served.heard.wait(30)
        assert served.said[0].reason == Reason.LISTEN_FAILED


def test_a_bug_in_a_page_reaches_the_hook_that_ends_the_process(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: crashed.set())
    served.live = None  # type: ignore[assignment]
    with pytest.raises(http.client.RemoteDisconnected):
        served.ask("/livez")

    assert crashed.wait(SOON)
