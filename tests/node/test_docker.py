"""How Docker's API is asked: in time, whatever answers there, and without leaving an image."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import Problem, Reason
from agent.node.docker import DockerClient, DockerInfo, refusal_in
from agent.planning.docker_settings import DockerSettings
from agent.planning.model import HostPath
from tests.node.dockerd_stub import CLASSIC_STORE, SOCKET, Dockerd, serving

HOST = "knative.registry.svc"
WHERE = HostPath(SOCKET)
SOON = 0.3


@pytest.fixture
def dockerd(tmp_path: Path) -> Iterator[Dockerd]:
    with serving(tmp_path, Dockerd()) as made:
        yield made


@pytest.fixture
def client(tmp_path: Path) -> DockerClient:
    return DockerClient(tmp_path, call_seconds=SOON)


def told(client: DockerClient) -> DockerInfo:
    info = client.info(WHERE)
    assert isinstance(info, DockerInfo)
    return info


def refused(client: DockerClient) -> Problem:
    problem = client.info(WHERE)
    assert isinstance(problem, Problem)
    return problem


def proof_of(client: DockerClient, *, trust_only: bool = False) -> Reason | None:
    proofs = client.prove(socket_path=WHERE, hosts=[HOST], trust_only=trust_only)
    return proofs[HOST].reason


def test_with_containerds_store_it_reads_more_than_cas(dockerd: Dockerd, client: DockerClient):
    expected = DockerInfo(version="29.8.0", settings=DockerSettings(trust_only=False))
    assert told(client) == expected
    assert dockerd.asked == ["GET /info"]


@pytest.mark.parametrize("status", [CLASSIC_STORE["DriverStatus"], None, []])
def test_with_any_other_store_it_does_not(dockerd: Dockerd, client: DockerClient, status: object):
    dockerd.info = {"ServerVersion": "20.10.24+dfsg1", "DriverStatus": status}
    assert told(client).settings.trust_only


@pytest.mark.parametrize(
    ("api", "trust_only"), [("1.45", True), ("1.47", True), ("1.48", False), ("", True)]
)
def test_before_28_not_even_with_containerds_store(
    dockerd: Dockerd, client: DockerClient, api: str, *, trust_only: bool
):
    dockerd.api = api
    assert told(client).settings.trust_only is trust_only


def test_what_it_was_told_not_to_verify_and_its_proxies_are_known(
    dockerd: Dockerd, client: DockerClient
):
    dockerd.info |= {
        "RegistryConfig": {
            "InsecureRegistryCIDRs": ["127.0.0.0/8", "10.96.0.0/12"],
            "IndexConfigs": {"docker.io": {"Secure": True}, "a.b:5000": {"Secure": False}},
        },
        "HttpsProxy": "http://10.0.0.1:3128",
        "NoProxy": "",
    }
    settings = told(client).settings
    assert settings.insecure == ("10.96.0.0/12", "127.0.0.0/8", "a.b:5000")
    assert settings.proxies == {"HTTPS_PROXY": "http://10.0.0.1:3128"}


@pytest.mark.parametrize("info", [[], {}, "x", {"ServerVersion": "1", "RegistryConfig": [1]}])
def test_whatever_else_answers_there_is_no_docker(
    dockerd: Dockerd, client: DockerClient, info: object
):
    dockerd.info = info
    assert refused(client).reason is Reason.RUNTIME_UNREACHABLE


def test_one_that_does_not_answer_in_time_is_left(dockerd: Dockerd, client: DockerClient):
    dockerd.pause_seconds = 3 * SOON
    assert refused(client).reason is Reason.RUNTIME_TIMEOUT
    assert proof_of(client) is Reason.TIMEOUT


def test_one_that_is_not_there_is_told(client: DockerClient):
    assert refused(client).reason is Reason.RUNTIME_UNREACHABLE
    assert proof_of(client) is Reason.RUNTIME_UNREACHABLE


def test_an_absent_tag_is_asked_for_under_each_name(dockerd: Dockerd, client: DockerClient):
    hosts = [HOST, f"{HOST}:443"]
    proofs = client.prove(socket_path=WHERE, hosts=hosts, trust_only=False)
    assert list(proofs) == hosts
    rest = "%2Fregistry-node-agent%2Fabsent&tag=absent"
    assert sorted(dockerd.asked) == [
        f"POST /images/create?fromImage={HOST}{rest}",
        f"POST /images/create?fromImage={HOST}%3A443{rest}",
    ]


def test_nobody_is_asked_about_nothing(dockerd: Dockerd, client: DockerClient):
    assert client.prove(socket_path=WHERE, hosts=[], trust_only=False) == {}
    assert dockerd.asked == []


def test_an_image_that_was_not_expected_is_forgotten(dockerd: Dockerd, client: DockerClient):
    dockerd.pulled = (200, '{"status": "Pulling from x"}\n{"status": "Digest: sha256:0"}\n')
    assert proof_of(client) is None
    assert dockerd.asked[1:] == [f"DELETE /images/{HOST}/registry-node-agent/absent:absent"]


def test_a_refusal_in_the_midst_of_progress_is_one(dockerd: Dockerd, client: DockerClient):
    dockerd.pulled = (200, '{"status": "x"}\n{"errorDetail": {}, "error": "unexpected EOF"}\n')
    assert proof_of(client) is Reason.PULL_FAILED
    assert len(dockerd.asked) == 1


@pytest.mark.parametrize("body", [b"", b"\xff\n{}", b"[1]\n", b"{", b'{"message": 1}'])
def test_a_body_without_a_refusal_has_none(body: bytes):
    assert refusal_in(body) == ""
