"""Whatever bytes come instead of an answer end in an ApiError: no thread must die of them."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiError
from agent.cluster.connection import Connection
from tests.cluster.kube_access import api_server, kubeconfig
from tests.node.tls_server import Server

PATH = "/api/v1/namespaces/registry/services"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EVENT = json.dumps({"type": "ADDED", "object": {}}).encode() + b"\n"

pieces = st.sampled_from(
    [
        HEAD,
        CHUNKED,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 429 \r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\n",
        b"Content-Length: 7\r\n",
        b"Content-Length: -7\r\n",
        b"Content-Length: 7, 8\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Retry-After: 99999999999999999999\r\n",
        b"Connection: close\r\n",
        b"\r\n",
        b"29\r\n" + EVENT + b"\r\n",
        b"zz\r\n",
        b"-5\r\n",
        b"0\r\n\r\n",
        b'{"items": []}',
        b"\x00",
        b"\xff\xfe",
    ]
)
noise = st.lists(pieces | st.binary(max_size=30), max_size=8).map(b"".join)


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    directory = tmp_path_factory.mktemp("loud")
    with api_server(b"") as server:
        kubeconfig(directory, port=server.port)
        yield server, directory


@settings(max_examples=200)
@given(answer=noise)
@example(answer=b"")
@example(answer=CHUNKED + b"29\r\n" + EVENT)
@example(answer=HEAD + b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\n1234567")
@example(answer=HEAD + b"X: " + b"x" * 70_000)
@example(answer=HEAD + b"X: y\r\n" * 200)
def test_noise_is_nothing_but_an_api_error(loud: tuple[Server, Path], answer: bytes) -> None:
    server, directory = loud
    server.speak = server.answer_with(answer)
    api = Api(
        Connection(kubeconfig(directory, port=server.port), user_agent="test"), read_seconds=2.0
    )
    for ask in (_list, _watch):
        with suppress(ApiError):
            ask(api)
    api.close()


def _list(api: Api) -> None:
    api.get(PATH)


def _watch(api: Api) -> None:
    query = {"watch": "true"}
    with api.stream(PATH, query, idle_seconds=2.0, max_seconds=2.0) as stream:
        for event in stream:
            assert isinstance(event, dict)
