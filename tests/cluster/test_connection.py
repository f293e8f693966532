"""The way to the API server follows its files: the token, the CA, the kubeconfig."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes.client import Configuration

from agent.cluster.api_errors import ApiRefusedError, ApiUnreachableError
from agent.cluster.connection import Access, Kubeconfig
from tests.cluster.kube_access import (
    FIRST,
    answer,
    api_over,
    api_server,
    in_cluster,
    kubeconfig,
    refusal,
)
from tests.ground.certificates import Authority

PATH = "/api/v1/namespaces/registry/services"
GOOD = answer({"kind": "ServiceList"})
SECOND = "second"


def bearer(head: str) -> str:
    (line,) = [line for line in head.splitlines() if line.lower().startswith("authorization:")]
    return line.split()[-1]


@pytest.mark.parametrize("way", [in_cluster, kubeconfig])
def test_a_token_that_has_changed_is_used_for_the_next_request(
    tmp_path: Path, way: Callable[..., Access]
) -> None:
    with api_server(GOOD) as server, api_over(way(tmp_path, port=server.port)) as api:
        api.get(PATH)
        way(tmp_path, port=server.port, token=SECOND)
        api.get(PATH)
    assert [bearer(head) for head in server.requests] == [FIRST, SECOND]


def test_a_token_that_is_refused_is_read_anew_at_once_but_once(tmp_path: Path) -> None:
    refused = refusal(401, "Unauthorized", "Unauthorized")
    with (
        api_server(refused) as server,
        api_over(in_cluster(tmp_path, port=server.port)) as api,
        pytest.raises(ApiRefusedError, match="401"),
    ):
        api.get(PATH)
    assert len(server.requests) == 2


class WithPlugin(Kubeconfig):
    """Its token comes from a program, so that no file tells when there is a new one."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._tokens = [SECOND, FIRST]

    def load(self, configuration: Configuration) -> None:
        super().load(configuration)
        configuration.refresh_api_key_hook = None
        configuration.api_key["BearerToken"] = f"Bearer {self._tokens.pop()}"


def test_a_token_that_comes_from_elsewhere_is_asked_for_anew_when_it_is_refused(
    tmp_path: Path,
) -> None:
    def speak(connection: socket.socket) -> None:
        head = connection.recv(65536).decode()
        known = bearer(head) == SECOND
        connection.sendall(GOOD if known else refusal(401, "Unauthorized", "Unauthorized"))

    with api_server(speak) as server:
        access = WithPlugin(kubeconfig(tmp_path, port=server.port).files[0])
        with api_over(access) as api:
            assert api.get(PATH) == {"kind": "ServiceList"}


@pytest.mark.parametrize("way", [in_cluster, kubeconfig])
def test_a_ca_that_has_changed_is_trusted_for_the_next_connection(
    tmp_path: Path, way: Callable[..., Access]
) -> None:
    with api_server(GOOD) as server, api_over(way(tmp_path, port=server.port)) as api:
        right = (tmp_path / "ca.crt").read_text()
        (tmp_path / "ca.crt").write_text(Authority.create(name="another").pem)
        with pytest.raises(ApiUnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            api.get(PATH)
        (tmp_path / "ca.crt").write_text(right)
        api.get(PATH)


def test_files_that_are_not_there_yet_are_waited_for(tmp_path: Path) -> None:
    with api_server(GOOD) as server:
        access = in_cluster(tmp_path, port=server.port)
        (tmp_path / "token").unlink()
        with api_over(access) as api:
            with pytest.raises(ApiUnreachableError, match="token file does not exist"):
                api.get(PATH)
            (tmp_path / "token").write_text("late")
            api.get(PATH)
    assert bearer(server.requests[0]) == "late"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "kind: Config", "clusters: 3", "\0", "a: b: c", "[" * 10_000]
)
def test_a_kubeconfig_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    with (
        api_over(Kubeconfig(tmp_path / "kubeconfig")) as api,
        pytest.raises(ApiUnreachableError, match=r"."),
    ):
        api.get(PATH)
