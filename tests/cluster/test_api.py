"""Requests to the API server: every failure is one of two, and no wait is without an end."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cluster.api import READ_SECONDS, Api
from agent.cluster.api_errors import ApiError, ApiRefusedError, ApiUnreachableError
from tests.cluster.kube_access import answer, api_over, api_server, chunked, kubeconfig, refusal
from tests.node.tls_server import Server, Speak

PATH = "/api/v1/namespaces/registry/services"
WATCH = {"watch": "true"}


@contextmanager
def talking(
    directory: Path, speak: Speak | bytes, *, read_seconds: float = READ_SECONDS
) -> Iterator[tuple[Api, Server]]:
    with api_server(speak) as server:
        access = kubeconfig(directory, port=server.port)
        with api_over(access, read_seconds=read_seconds) as api:
            yield api, server


def events(api: Api, *, idle_seconds: float = 5.0, max_seconds: float = 5.0) -> list[object]:
    query = {"watch": "true"}
    with api.stream(PATH, query, idle_seconds=idle_seconds, max_seconds=max_seconds) as stream:
        return list(stream)


def test_a_list_is_asked_for_as_json_with_the_token_and_our_name(tmp_path: Path) -> None:
    with talking(tmp_path, answer({"kind": "ServiceList"})) as (api, server):
        assert api.get(PATH, {"labelSelector": "a/b=true"}) == {"kind": "ServiceList"}
    (head,) = server.requests
    assert head.startswith(f"GET {PATH}?labelSelector=a/b%3Dtrue HTTP/1.1\r\n")
    assert "Accept: application/json" in head
    assert "authorization: Bearer first" in head
    assert "User-Agent: registry-node-agent/test" in head


def test_a_merge_patch_goes_out_as_one(tmp_path: Path) -> None:
    requests = []

    def speak(connection: socket.socket) -> None:
        requests.append(connection.recv(65536) + connection.recv(65536))
        connection.sendall(answer({"kind": "Lease"}))

    with talking(tmp_path, speak) as (api, _):
        api.patch(PATH, {"metadata": {"labels": {"state": None}}})
    (request,) = requests
    assert request.startswith(b"PATCH ")
    assert b"Content-Type: application/merge-patch+json" in request
    assert request.endswith(b'{"metadata": {"labels": {"state": null}}}')


def test_one_connection_serves_one_request_after_the_other(tmp_path: Path) -> None:
    def speak(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(answer({"kind": "ServiceList"}))

    with talking(tmp_path, speak) as (api, server):
        for _ in range(5):
            api.get(PATH)
        assert server.connections == 1
        api._connection.close()  # noqa: SLF001 - or the stub would wait for it


def test_a_refusal_has_the_servers_own_words(tmp_path: Path) -> None:
    words = 'services is forbidden: User "node" cannot list resource "services"'
    with (
        talking(tmp_path, refusal(403, "Forbidden", words)) as (api, _),
        pytest.raises(ApiRefusedError) as caught,
    ):
        api.get(PATH)
    assert (caught.value.status, caught.value.reason) == (403, "Forbidden")
    assert caught.value.message == words


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("999999", 300), ("soon", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("-5", 0)],
)
def test_when_to_come_back_is_told_within_reason(
    tmp_path: Path, header: str, seconds: float
) -> None:
    busy = refusal(429, "TooManyRequests", "slow down", f"Retry-After: {header}")
    with talking(tmp_path, busy) as (api, server):
        with pytest.raises(ApiRefusedError) as caught:
            api.get(PATH)
        assert server.connections == 1, "nothing below us tries again by itself"
    assert caught.value.retry_after_seconds == seconds


def test_a_page_from_something_in_between_is_a_refusal_too(tmp_path: Path) -> None:
    page = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>"
    with (
        talking(tmp_path, page) as (api, _),
        pytest.raises(ApiRefusedError, match="502 Bad Gateway"),
    ):
        api.get(PATH)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"[" * 100_000, b'{"kind": "List"'])
def test_what_is_no_json_object_is_no_answer(tmp_path: Path, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with talking(tmp_path, head + body) as (api, _), pytest.raises(ApiUnreachableError):
        api.get(PATH)


def test_an_answer_that_breaks_off_is_no_answer(tmp_path: Path) -> None:
    with (
        talking(tmp_path, answer({"items": []})[:-3]) as (api, _),
        pytest.raises(ApiUnreachableError),
    ):
        api.get(PATH)


def test_nobody_listening_is_told_in_the_same_words_each_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with api_over(kubeconfig(tmp_path, port=port)) as api:
        words = set()
        for _ in range(2):
            with pytest.raises(ApiUnreachableError, match="Connection refused") as caught:
                api.get(PATH)
            words.add(caught.value.detail)
    assert len(words) == 1


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    silence = threading.Event()

    def speak(_: socket.socket) -> None:
        silence.wait()

    with talking(tmp_path, speak, read_seconds=0.2) as (api, _):
        with pytest.raises(ApiUnreachableError, match="timed out"):
            api.get(PATH)
        silence.set()


def test_an_answer_that_drips_is_given_up(tmp_path: Path) -> None:

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b" ")
            if pause.wait(0.05):
                return

    pause = threading.Event()
    with talking(tmp_path, drip, read_seconds=0.3) as (api, _):
        with pytest.raises(ApiUnreachableError, match="does not come to its end"):
            api.get(PATH)
        pause.set()


def test_headers_that_drip_are_given_up(tmp_path: Path) -> None:
    pause = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not pause.wait(0.05):
            connection.sendall(b"x")

    with talking(tmp_path, drip, read_seconds=0.3) as (api, _):
        with pytest.raises(ApiUnreachableError):
            api.get(PATH)
        pause.set()


def test_events_come_one_by_one_however_they_are_cut(tmp_path: Path) -> None:
    text = b'{"type": "ADDED", "object": {}}\n{"type": "MODIFIED", "object": {}}\n'
    pieces = [bytes([byte]) for byte in text]
    with talking(tmp_path, chunked(*pieces)) as (api, _):
        assert events(api) == [
            {"type": "ADDED", "object": {}},
            {"type": "MODIFIED", "object": {}},
        ]


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (chunked(b'{"type": "AD'), "middle of an event"),
        (chunked(b'{"type": "ADDED"}\n', whole=False), "ended|closed|broken"),
        (chunked(b"<html>\n"), "not JSON"),
    ],
)
def test_a_stream_that_breaks_is_told(tmp_path: Path, response: bytes, words: str) -> None:
    with talking(tmp_path, response) as (api, _), pytest.raises(ApiUnreachableError, match=words):
        events(api)


def test_an_error_event_is_a_refusal(tmp_path: Path) -> None:
    event = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n'
    with talking(tmp_path, chunked(event)) as (api, _), pytest.raises(ApiRefusedError) as caught:
        events(api)
    assert (caught.value.status, caught.value.reason) == (410, "Expired")


def test_a_silent_stream_is_given_up_and_ends_at_once_when_all_shall(tmp_path: Path) -> None:
    silence = threading.Event()

    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(chunked(b'{"type": "ADDED"}\n', whole=False))
        silence.wait()

    with talking(tmp_path, speak) as (api, _):
        with pytest.raises(ApiUnreachableError, match="timed out"):
            events(api, idle_seconds=0.2)
        with api.stream(PATH, WATCH, idle_seconds=60, max_seconds=60) as stream:
            seen = iter(stream)
            assert next(seen) == {"type": "ADDED"}
            threading.Timer(0.1, api.close).start()
            with pytest.raises(ApiError):
                next(seen)
        silence.set()


def test_a_stream_whose_connection_is_closed_meanwhile_may_still_be_cut(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        talking(tmp_path, head) as (api, _),
        api.stream(PATH, WATCH, idle_seconds=5, max_seconds=5) as stream,
    ):
        api.close()
        stream._response.connection.close()  # noqa: SLF001 - as the server's end of it does, in the reader
        stream.cut()
