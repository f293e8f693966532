"""The CRI client, against a real gRPC server and through its real child process."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import grpc
import pytest

from agent.errors import Problem, Reason
from agent.node.cri import CriClient
from agent.node.cri_call import VERSION_SECONDS
from agent.planning.evidence import Proof
from agent.planning.model import HostPath
from tests.node.cri_server import Answer, cri_server, refusing

SOCKET = HostPath("/run/containerd/containerd.sock")
HOSTS = ("a.registry.svc", "a.registry.svc:5000")
NOT_FOUND = refusing(grpc.StatusCode.NOT_FOUND, "failed to resolve: {image}: not found")


@pytest.fixture
def host_root() -> Iterator[Path]:
    """A short path: the server's own socket has the 107 bytes only."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        (Path(path) / "run/containerd").mkdir(parents=True)
        yield Path(path)


def test_the_version_is_told(host_root):
    with cri_server(seen(host_root), NOT_FOUND):
        assert CriClient(host_root).version(SOCKET) == ("containerd", "v2.1.9")


def test_no_runtime_has_no_version(host_root):
    silence = CriClient(host_root).version(SOCKET)
    assert isinstance(silence, Problem)
    assert (silence.reason, silence.where) == (Reason.RUNTIME_UNREACHABLE, SOCKET)


def test_an_absent_tag_of_each_host_is_pulled_and_proves_it_effective(host_root):
    with cri_server(seen(host_root), NOT_FOUND) as runtime:
        proofs = CriClient(host_root).prove(socket=SOCKET, hosts=HOSTS)
    assert list(proofs) == list(HOSTS)
    assert all(proof.effective for proof in proofs.values())
    assert sorted(runtime.calls) == [
        *(
            ("ImageService/PullImage", f"{host}/registry-node-agent/absent:absent")
            for host in HOSTS
        ),
        ("RuntimeService/Version", ""),
    ]


def test_each_host_has_its_own_verdict_and_the_runtimes_own_words(host_root):
    def pull(image: str, context: grpc.ServicerContext) -> bytes:
        refuse = refusing(grpc.StatusCode.UNKNOWN, "x509: certificate signed by unknown authority")
        return (refuse if ":5000" in image else NOT_FOUND)(image, context)

    with cri_server(seen(host_root), pull):
        proofs = CriClient(host_root).prove(socket=SOCKET, hosts=HOSTS)
    assert [proof.reason for proof in proofs.values()] == [None, Reason.PULL_FAILED]
    assert proofs[HOSTS[1]].detail == "x509: certificate signed by unknown authority"


def test_no_hosts_need_no_child(host_root):
    assert CriClient(host_root, command=["/nonexistent"]).prove(socket=SOCKET, hosts=()) == {}


def test_a_socket_path_of_any_length_is_reached(host_root):
    deep = Path(*["run"] * 40)
    (host_root / deep).mkdir(parents=True)
    with cri_server(host_root / "containerd.sock", NOT_FOUND):
        os.link(host_root / "containerd.sock", host_root / deep / "containerd.sock")
        found = CriClient(host_root).version(HostPath(f"/{deep}/containerd.sock"))
    assert found == ("containerd", "v2.1.9")


def test_an_absolute_link_of_the_node_is_followed_below_the_host_root(host_root):
    (host_root / "var").mkdir()
    (host_root / "var/run").symlink_to("/run")
    with cri_server(seen(host_root), NOT_FOUND):
        found = CriClient(host_root).version(HostPath("/var/run/containerd/containerd.sock"))
    assert found == ("containerd", "v2.1.9")


def test_proxies_of_the_environment_are_not_used(host_root, monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with cri_server(seen(host_root), NOT_FOUND):
        assert CriClient(host_root).version(SOCKET) == ("containerd", "v2.1.9")


class TestNoAnswer:
    def test_a_missing_directory_is_an_unreachable_runtime(self, tmp_path):
        assert reason(CriClient(tmp_path)) is Reason.RUNTIME_UNREACHABLE

    def test_a_missing_socket_is_an_unreachable_runtime(self, host_root):
        assert reason(CriClient(host_root)) is Reason.RUNTIME_UNREACHABLE

    def test_a_socket_that_nobody_serves_is_an_unreachable_runtime(self, host_root):
        with socket.socket(socket.AF_UNIX) as abandoned:
            abandoned.bind(str(seen(host_root)))
        assert reason(CriClient(host_root)) is Reason.RUNTIME_UNREACHABLE

    def test_a_pull_that_hangs_is_a_timeout_on_the_runtimes_own_way(self, host_root):
        with hanging() as hang, cri_server(seen(host_root), hang):
            proofs = CriClient(host_root, call_seconds=2).prove(socket=SOCKET, hosts=HOSTS)
        assert {proof.reason for proof in proofs.values()} == {Reason.TIMEOUT}
        for proof in proofs.values():  # gRPC's own words may differ from call to call
            assert proof.detail.startswith("the runtime answers, but its pull did not end in time")

    def test_a_runtime_that_hangs_is_told_from_a_registry_that_does(self, host_root):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(seen(host_root)))
            silent.listen()
            began = monotonic()
            client = CriClient(host_root, call_seconds=0.3)
            proof, silence = prove(client), client.version(SOCKET)
        assert monotonic() - began < 30
        words = proof.detail
        assert silence == Problem(reason=Reason.RUNTIME_TIMEOUT, where=SOCKET, detail=words)
        assert proof.reason is Reason.RUNTIME_TIMEOUT
        assert proof.detail.startswith("it did not tell its version within 0.3 s: ")

    def test_a_runtime_that_hangs_is_not_waited_for_as_long_as_a_pull(self, host_root):
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(seen(host_root)))
            silent.listen()
            began = monotonic()
            prove(CriClient(host_root, call_seconds=30))
        assert VERSION_SECONDS < monotonic() - began < 30

    def test_a_runtime_without_cri_is_asked_for_nothing_more(self, host_root):
        refuse = refusing(grpc.StatusCode.UNIMPLEMENTED, "unknown service")
        with cri_server(seen(host_root), NOT_FOUND) as runtime:
            runtime.version = refuse
            assert reason(CriClient(host_root)) is Reason.RUNTIME_UNREACHABLE
        assert [method for method, _ in runtime.calls] == ["RuntimeService/Version"]

    def test_without_grpcio_the_client_is_missing(self, host_root, tmp_path, monkeypatch):
        (tmp_path / "grpc.py").write_text("raise ImportError")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        assert reason(CriClient(host_root)) is Reason.CRI_CLIENT_MISSING

    def test_a_child_that_does_not_end_is_killed(self, host_root):
        command = [sys.executable, "-c", "import threading; threading.Event().wait()"]
        client = CriClient(host_root, call_seconds=0.2, start_seconds=0.2, command=command)
        assert reason(client) is Reason.RUNTIME_TIMEOUT
        assert children() == ""

    def test_a_child_that_dies_leaves_its_last_words(self, host_root):
        client = CriClient(host_root, command=[sys.executable, "-c", "raise SystemError('out')"])
        proof = client.prove(socket=SOCKET, hosts=HOSTS)[HOSTS[0]]
        assert proof.reason is Reason.RUNTIME_UNREACHABLE
        assert proof.detail == "the CRI client ended with status 1: SystemError: out"

    def test_a_child_that_is_killed_is_told_with_its_signal(self, host_root):
        proof = self.answer_to(host_root, "import os; os.kill(os.getpid(), 9)")
        assert proof.reason is Reason.RUNTIME_UNREACHABLE
        assert proof.detail == "the CRI client was killed by signal 9 (Killed): no words"

    def test_last_words_that_are_no_text_are_words_all_the_same(self, host_root):
        code = "import os; os.write(2, bytes([0xFF]) + b' out'); raise SystemExit(1)"
        proof = self.answer_to(host_root, code)
        assert proof.reason is Reason.RUNTIME_UNREACHABLE
        assert proof.detail == "the CRI client ended with status 1: \ufffd out"

    @pytest.mark.parametrize(
        "told",
        [
            b"",
            b"Killed",
            b'[{"code": "OK", "wor',
            b"\xff\xfe",
            b"{}",
            b"[1, 2]",
            b'[{"code": "OK"}, {"code": "OK"}]',
            b'[{"code": "OK", "words": ""}]',
            b"[" * 100_000,
            b"[]",
        ],
    )
    def test_a_child_that_answers_something_else_proves_nothing(self, host_root, tmp_path, told):
        (tmp_path / "told").write_bytes(told)
        code = f"import os; os.write(1, open({str(tmp_path / 'told')!r}, 'rb').read())"
        proof = self.answer_to(host_root, code)
        assert proof.reason is Reason.RUNTIME_UNREACHABLE
        assert proof.detail.startswith("the CRI client ")
        silence = CriClient(host_root, command=[sys.executable, "-c", code]).version(SOCKET)
        assert isinstance(silence, Problem)
        assert silence.detail

    def answer_to(self, host_root: Path, code: str) -> Proof:
        client = CriClient(host_root, command=[sys.executable, "-c", code])
        one, other = client.prove(socket=SOCKET, hosts=HOSTS).values()
        assert one == other
        return one

    def test_a_child_that_cannot_start_is_an_unreachable_runtime(self, host_root):
        assert reason(CriClient(host_root, command=["/none"])) is Reason.RUNTIME_UNREACHABLE


class TestSomebodyMadeTheTag:
    def test_the_pulled_image_is_removed_again(self, host_root):
        ours = f"{HOSTS[0]}/registry-node-agent/absent"
        assert self.removals(host_root, [f"{ours}:absent", f"{ours}@sha256:0"]) == 1

    def test_not_if_a_pod_may_use_the_same_image_under_another_name(self, host_root):
        ours = f"{HOSTS[0]}/registry-node-agent/absent:absent"
        assert self.removals(host_root, [ours, f"{HOSTS[0]}/app:v1"]) == 0

    def removals(self, host_root: Path, names: list[str]) -> int:
        with cri_server(seen(host_root), lambda _image, _context: b"") as runtime:
            runtime.names = names
            proofs = CriClient(host_root).prove(socket=SOCKET, hosts=HOSTS[:1])
        assert proofs[HOSTS[0]].effective
        return [method for method, _ in runtime.calls].count("ImageService/RemoveImage")


def test_the_daemon_itself_never_imports_grpc():
    code = "import sys, agent.node.cri, agent.node.cri_call; sys.exit('grpc' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - a constant


def seen(host_root: Path) -> Path:
    return host_root / SOCKET.lstrip("/")


def prove(client: CriClient) -> Proof:
    """What is told of every host alike."""
    (proof,) = set(client.prove(socket=SOCKET, hosts=HOSTS).values())
    return proof


def reason(client: CriClient) -> Reason | None:
    return prove(client).reason


@contextmanager
def hanging() -> Iterator[Answer]:
    """A pull that gives no answer while the block lasts."""
    end = threading.Event()

    def hang(_image: str, _context: grpc.ServicerContext) -> bytes:
        end.wait(30)
        return b""

    try:
        yield hang
    finally:
        end.set()


def children() -> str:
    tasks = Path("/proc/self/task").glob("*/children")
    return "".join(task.read_text() for task in tasks)
