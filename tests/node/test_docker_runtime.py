"""Which Docker runs here, and what it reads: from its process, its configuration, its socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Reason
from agent.node.docker import DockerClient
from agent.node.docker_runtime import DockerRuntime, docker_options
from agent.node.pull_verdict import absent_image
from tests.node.containerd_host import Host
from tests.node.dockerd_stub import CLASSIC_STORE, CONTAINERD_STORE, SOCKET, Dockerd, serving

HOST = "knative.registry.svc"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.start(program="/usr/bin/dockerd", comm="dockerd")
    return made


@pytest.fixture
def dockerd(host: Host) -> Iterator[Dockerd]:
    with serving(host.root, Dockerd()) as made:
        yield made


@pytest.fixture
def runtime(host: Host) -> DockerRuntime:
    return DockerRuntime(host.root, client=DockerClient(host.root))


@pytest.mark.usefixtures("dockerd")
def test_the_process_its_socket_and_its_version_are_found(runtime: DockerRuntime) -> None:
    view = runtime.observe()
    assert (view.title, view.pid, view.socket) == ("docker 29.8.0", 700, SOCKET)
    assert [root.path for root in view.roots] == ["/etc/docker/certs.d"]
    assert view.docker is not None
    assert not view.docker.trust_only
    assert (view.problems, view.silence, view.settled) == ((), None, True)


def test_the_store_decides_what_a_proof_means(runtime: DockerRuntime, dockerd: Dockerd) -> None:
    dockerd.pulled = (500, f'{{"message": "dial tcp: lookup {HOST}: no such host"}}')
    runtime.observe()
    by_files = runtime.prove(socket=runtime.observe().socket, hosts=[HOST])[HOST]
    dockerd.info = CLASSIC_STORE
    by_name = runtime.prove(socket=runtime.observe().socket, hosts=[HOST])[HOST]
    assert by_files.reason is Reason.RUNTIME_IGNORES_FILES
    assert by_name.reason is Reason.CLASSIC_IMAGE_STORE


@pytest.mark.parametrize(
    ("address", "store", "reason"),
    [
        ("127.0.0.2", CLASSIC_STORE, Reason.NAME_RESOLVES_TO_LOOPBACK),
        ("10.1.2.3", CLASSIC_STORE, Reason.INSECURE_REGISTRY),
        ("10.96.0.50", CLASSIC_STORE, None),
        ("127.0.0.2", CONTAINERD_STORE, None),
    ],
)
def test_a_name_that_leads_to_what_is_not_verified_proves_nothing_where_it_goes_by_the_name(
    host: Host,
    runtime: DockerRuntime,
    dockerd: Dockerd,
    address: str,
    store: dict[str, object],
    reason: Reason | None,
) -> None:
    networks = ["127.0.0.0/8", "10.1.0.0/16"]
    dockerd.info = {**store, "RegistryConfig": {"InsecureRegistryCIDRs": networks}}
    dockerd.pulled = (404, f'{{"message": "{absent_image(HOST)}: not found"}}')
    host.write("/etc/hosts", f"{address} {HOST}\n")
    socket = runtime.observe().socket
    assert runtime.prove(socket=socket, hosts=[HOST])[HOST].reason is reason


def test_another_store_another_process_or_another_file_is_another_identity(
    host: Host, runtime: DockerRuntime, dockerd: Dockerd
) -> None:
    seen = [runtime.observe().identity]
    assert runtime.observe().identity == seen[0]
    dockerd.info = CLASSIC_STORE
    seen.append(runtime.observe().identity)
    host.write("/etc/docker/daemon.json", "{}")
    seen.append(runtime.observe().identity)
    host.start(program="/usr/bin/dockerd", comm="dockerd", started=101)
    seen.append(runtime.observe().identity)
    assert len(set(seen)) == len(seen)


@pytest.mark.usefixtures("dockerd")
def test_what_changes_shows_in_the_signature(host: Host, runtime: DockerRuntime) -> None:
    runtime.observe()
    seen = [runtime.signature()]
    host.write("/etc/docker/daemon.json", "{}")
    seen.append(runtime.signature())
    host.end()
    seen.append(runtime.signature())
    assert len(set(seen)) == len(seen)


def test_one_that_never_told_its_store_is_no_runtime_to_write_for(runtime: DockerRuntime) -> None:
    with pytest.raises(NodeTrouble) as trouble:
        runtime.observe()
    assert trouble.value.problem.reason is Reason.RUNTIME_UNREACHABLE


def test_one_that_falls_silent_is_as_it_was_last_known(host: Host, runtime: DockerRuntime) -> None:
    with serving(host.root, Dockerd(info=CLASSIC_STORE)):
        runtime.observe()
    view = runtime.observe()
    assert view.silence is not None
    assert view.silence.reason is Reason.RUNTIME_UNREACHABLE
    assert view.docker is not None
    assert view.docker.trust_only


def test_one_inside_a_container_is_not_this_nodes(host: Host, runtime: DockerRuntime) -> None:
    assert runtime.running()
    host.start(program="/usr/bin/dockerd", comm="dockerd", started=101, ids="700\t1")
    assert not runtime.running()


@pytest.mark.parametrize(
    ("arguments", "config", "socket"),
    [
        ([], '{"hosts": ["fd://", "unix:///run/a.sock"]}', "/run/a.sock"),
        (["-H", "unix:///run/b.sock"], "{}", "/run/b.sock"),
        (["--config-file", "/etc/mine.json"], '{"hosts": ["unix:///run/a.sock"]}', SOCKET),
        (["-H", "fd://"], "{}", SOCKET),
        ([], '{"hosts": "unix:///run/a.sock"}', SOCKET),
        ([], "{", SOCKET),
    ],
)
def test_the_socket_is_where_its_flags_or_its_file_say(
    host: Host, runtime: DockerRuntime, arguments: list[str], config: str, socket: str
) -> None:
    host.start(*arguments, program="/usr/bin/dockerd", comm="dockerd")
    host.write("/etc/docker/daemon.json", config)
    with serving(host.root, Dockerd(), socket=socket):
        assert runtime.observe().socket == socket


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["-H", "fd://", "--containerd=/run/containerd/containerd.sock"], {}),
        (["-H=unix:///a"], {"host": "/a"}),
        (["-Hunix:///a"], {"host": "/a"}),
        (["--host=tcp://0.0.0.0:2376", "--host", "unix:///a"], {"host": "/a"}),
        (["--config-file=/b", "--debug"], {"config-file": "/b"}),
        (["-H"], {}),
    ],
)
def test_a_command_line_is_read_as_dockerd_does(
    arguments: list[str], options: dict[str, str]
) -> None:
    assert docker_options(arguments) == options
