"""The probe's time: a bound on the whole attempt, and one more try before a timeout counts."""

import socket
import threading
from pathlib import Path
from time import monotonic

import pytest

from agent.errors import Reason
from agent.node.registry_probe import RegistryProbe
from agent.planning.evidence import ProbeStep
from tests.ground.certificates import Authority, Certificate
from tests.node.tls_server import Server, serving, status

TCP_ONLY = {ProbeStep.TCP}
TCP_AND_TLS = {ProbeStep.TCP, ProbeStep.TLS}


@pytest.fixture
def ca() -> Authority:
    return Authority.create()


@pytest.fixture
def probe(tmp_path: Path) -> RegistryProbe:
    return RegistryProbe(tmp_path, threading.Event(), attempt_seconds=1, retry_after=lambda: 0)


def good(ca: Authority) -> Certificate:
    return ca.issue(ips=["127.0.0.1"])


def test_a_server_that_says_nothing_times_out_in_tls(probe):
    with serving() as server:
        server.speak = server.hold
        result = probe.probe(server.route())
    assert (result.reason, result.reached) == (Reason.TIMEOUT, TCP_ONLY)


def test_a_registry_that_says_nothing_times_out_in_http(ca, probe):
    with serving(certificate=good(ca)) as server:
        server.speak = server.hold
        result = probe.probe(server.route(ca))
    assert (result.reason, result.reached) == (Reason.TIMEOUT, TCP_AND_TLS)


def test_a_byte_now_and_then_does_not_stretch_the_attempt(ca, probe):
    with serving(certificate=good(ca)) as server:
        head = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000
        server.speak = server.drip(head, seconds_per_byte=0.05)
        began = monotonic()
        result = probe.probe(server.route(ca))
    assert (result.reason, result.reached) == (Reason.TIMEOUT, TCP_AND_TLS)
    assert monotonic() - began < 5  # two attempts of 1 s each; the answer would take 50 s


def test_one_timeout_is_tried_again_before_it_counts(ca, probe):
    with serving(certificate=good(ca)) as server:
        silent_once(server)
        assert probe.probe(server.route(ca)).works
    assert server.connections == 2


def test_nothing_but_a_timeout_is_tried_again(ca, probe):
    with serving(status("503 Busy"), certificate=good(ca)) as server:
        probe.probe(server.route(ca))
    assert server.connections == 1


def test_the_wait_before_the_second_try_ends_when_the_agent_stops(ca, tmp_path):
    stop = threading.Event()

    def an_hour() -> float:
        stop.set()
        return 3600

    probe = RegistryProbe(tmp_path, stop, attempt_seconds=0.3, retry_after=an_hour)
    with serving(certificate=good(ca)) as server:
        silent_once(server)
        result = probe.probe(server.route(ca))
    assert (result.reason, result.reached) == (Reason.TIMEOUT, TCP_AND_TLS)
    assert server.connections == 1


def test_nothing_is_tried_once_the_agent_ends(ca, tmp_path):
    stop = threading.Event()
    stop.set()
    with serving(certificate=good(ca)) as server:
        result = RegistryProbe(tmp_path, stop).probe(server.route(ca))
    assert (result.reason, result.detail) == (Reason.TIMEOUT, "the agent is ending")
    assert not result.works
    assert server.connections == 0


def test_a_registry_that_never_answers_is_given_up_after_five_seconds(ca, tmp_path):
    stop = threading.Event()

    def stop_then() -> float:
        stop.set()
        return 0

    with serving(certificate=good(ca)) as server:
        server.speak = server.hold
        began = monotonic()
        result = RegistryProbe(tmp_path, stop, retry_after=stop_then).probe(server.route(ca))
    assert result.reason is Reason.TIMEOUT
    assert 4 < monotonic() - began < 7


def silent_once(server: Server) -> None:
    """Hold the first connection, answer the ones after it."""
    answer = server.speak

    def speak(connection: socket.socket) -> None:
        (server.hold if server.connections == 1 else answer)(connection)

    server.speak = speak
