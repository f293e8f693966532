"""Which containerd runs and how it is configured, by a node's files as the agent sees them."""

import os
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Reason
from agent.planning.evidence import Proof
from agent.planning.model import HostPath
from tests.node.containerd_host import CERTS_D, CONFIG, SILENT, FakeCri, Host, furnished_host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return furnished_host(tmp_path)


def test_the_running_containerd_is_found_with_its_version_and_roots(host: Host):
    host.start()

    view = host.runtime.observe()

    assert (view.kind, view.version, view.pid) == ("containerd", "1.7.24", 700)
    assert view.socket == "/run/containerd/containerd.sock"
    assert view.config_file == "/etc/containerd/config.toml"
    assert view.roots == (CERTS_D,)
    assert view.problems == ()


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "/k3s/config.toml", "-a", "/run/k3s.sock", "--state", "/run/x", "--root=/y"),
        ("--config", "/k3s/config.toml", "--address", "/run/k3s.sock"),
        ("--config=/k3s/config.toml", "--address=/run/k3s.sock", "--log-level=debug"),
        ("-config=/k3s/config.toml", "-address", "/run/k3s.sock"),
        ("-l", "info", "-c=k3s/config.toml", "-a=run/k3s.sock"),
    ],
)
def test_the_command_line_says_where_configuration_and_socket_are(host: Host, arguments):
    host.write("/k3s/config.toml", CONFIG.replace("/etc/containerd", "/k3s"))
    host.serve("/run/k3s.sock")
    host.start(*arguments)

    view = host.runtime.observe()

    assert (view.config_file, view.socket) == ("/k3s/config.toml", "/run/k3s.sock")
    assert [root.path for root in view.roots] == ["/k3s/certs.d"]
    assert host.cri.asked == ["/run/k3s.sock"]


def test_the_configuration_says_where_the_socket_is(host: Host):
    host.write("/etc/containerd/config.toml", f'{CONFIG}[grpc]\naddress = "/run/mine.sock"')
    host.start()

    assert host.runtime.observe().socket == "/run/mine.sock"


@pytest.mark.parametrize(
    "other",
    {
        "a shim": {"program": "/usr/bin/containerd-shim-runc-v2", "comm": "containerd-shim"},
        "a subcommand": {"arguments": ("--address", "/run/x.sock", "publish", "--topic", "/t")},
        "a program of another name": {"program": "/usr/bin/dockerd"},
        "the remains of one": {"state": "Z"},
        "one in a container, though older": {"ids": "200 1", "arguments": ("-c", "/other.toml")},
        "one without CRI, as Docker's": {"arguments": ("--config", "/docker.toml")},
        "one whose files are not to be seen": {"arguments": ("--config", "/not/here.toml")},
        "a younger one": {"started": 999},
    }.items(),
    ids=lambda item: item[0],
)
def test_of_several_processes_the_one_that_serves_the_node_is_chosen(host: Host, other):
    host.write("/other.toml", "")
    host.write("/docker.toml", 'disabled_plugins = ["io.containerd.grpc.v1.cri"]')
    host.write("/mine.toml", CONFIG)
    options = {"pid": 200, "started": 1} | other[1]
    host.start(*options.pop("arguments", ()), **options)
    host.start("-c", "/mine.toml")

    assert host.runtime.observe().pid == 700


def test_a_containerd_that_somebody_configured_goes_before_the_distributions(host: Host):
    host.write("/k3s.toml", CONFIG)
    host.start(pid=200, started=1)
    host.start("-c", "/k3s.toml")

    assert host.runtime.observe().pid == 700


def test_without_a_process_the_usual_places_are_taken(host: Host):
    view = host.runtime.observe()

    assert view.pid is None
    assert view.version == "1.7.24"
    assert view.roots == (CERTS_D,)


@pytest.mark.parametrize("path", ["/etc/containerd/certs.d/x", "/run/containerd/containerd.sock"])
def test_one_trace_of_containerd_is_enough(tmp_path: Path, path: str):
    host = Host(tmp_path, cri=FakeCri(answer=SILENT))
    host.write(path, "")

    view = host.runtime.observe()

    assert view.version == ""
    assert len(view.roots) == 2


@pytest.mark.parametrize("proc", [True, False])
def test_without_any_trace_no_runtime_is_found(tmp_path: Path, proc: bool):
    host = Host(tmp_path)
    if not proc:
        (tmp_path / "proc").rmdir()

    with pytest.raises(NodeTrouble) as caught:
        host.runtime.observe()

    assert caught.value.problem.reason is Reason.NO_RUNTIME_FOUND
    assert caught.value.problem.where == str(tmp_path)


def test_a_containerd_without_cri_is_no_runtime(host: Host):
    host.write("/etc/containerd/config.toml", 'disabled_plugins = ["cri"]')
    host.start()

    with pytest.raises(NodeTrouble, match="CRI plugin disabled"):
        host.runtime.observe()


def test_a_socket_that_is_not_containerds_tells_no_version(host: Host):
    host.cri.answer = ("cri-o", "1.37.0")

    view = host.runtime.observe()

    assert view.version == ""
    assert view.silence is not None
    assert view.silence.detail == "cri-o answers there, and not containerd"


def test_a_runtime_that_does_not_tell_its_version_is_silent_until_it_does(host: Host):
    host.start()
    host.cri.answer = SILENT
    assert host.runtime.observe().silence == SILENT

    host.cri.answer = ("containerd", "2.1.0")
    assert host.runtime.observe().silence is None


@pytest.mark.parametrize(
    ("runs", "words"), [(True, "containerd runs as process 700"), (False, "no containerd runs")]
)
def test_a_runtime_without_a_socket_is_silent(host: Host, runs: bool, words: str):
    socket = host.root / "run/containerd/containerd.sock"
    if runs:
        host.start()
    host.runtime.observe()
    socket.rename(socket.with_name("gone"))

    silence = host.runtime.observe().silence

    assert silence is not None
    assert silence.reason is Reason.RUNTIME_UNREACHABLE
    assert silence.detail == f"{words}, and there is no such socket"
    socket.with_name("gone").rename(socket)
    assert host.runtime.observe().silence is None


def test_a_version_is_asked_for_once_for_each_process(host: Host):
    host.start()
    host.runtime.observe()
    host.runtime.observe()
    assert len(host.cri.asked) == 1

    host.end()
    host.start(pid=701, started=200)
    host.cri.answer = ("containerd", "2.2.0")
    view = host.runtime.observe()

    assert len(host.cri.asked) == 2
    assert (view.pid, view.version) == (701, "2.2.0")


def test_until_a_new_process_answers_the_last_version_counts(host: Host):
    host.start()
    host.runtime.observe()
    host.end()
    host.start(pid=701, started=200)
    host.cri.answer = SILENT

    assert host.runtime.observe().version == "1.7.24"
    host.cri.answer = ("containerd", "2.1.0")
    assert host.runtime.observe().version == "2.1.0"


def test_no_socket_costs_no_question(host: Host):
    (host.root / "run/containerd/containerd.sock").unlink()

    assert host.runtime.observe().version == ""
    assert host.cri.asked == []


def test_the_known_process_is_not_searched_for_again(host: Host):
    host.start()
    host.runtime.observe()
    host.write("/k3s.toml", CONFIG)
    host.start("-c", "/k3s.toml", pid=1, started=1)

    assert host.runtime.observe().pid == 700


def test_a_new_process_under_the_same_id_is_another(host: Host):
    host.start()
    before = host.runtime.observe()
    host.start(started=5000)

    assert host.runtime.observe().identity != before.identity


def touch_config(host: Host) -> None:
    os.utime(host.root / "etc/containerd/config.toml", ns=(1, 1))


def add_import(host: Host) -> None:
    host.write("/etc/containerd/conf.d/b.toml", "")


def change_import(host: Host) -> None:
    host.write("/etc/containerd/conf.d/a.toml", "# more")


def end_process(host: Host) -> None:
    host.end()


def replace_process(host: Host) -> None:
    host.start(started=5000)


def new_socket(host: Host) -> None:
    place = host.root / "run/containerd/containerd.sock"
    place.rename(place.with_name("old.sock"))
    host.serve()


@pytest.mark.parametrize(
    "change",
    [touch_config, add_import, change_import, end_process, replace_process, new_socket],
)
def test_the_signature_changes_with_all_that_matters(host: Host, change):
    host.write("/etc/containerd/config.toml", f'imports = ["/etc/containerd/conf.d/*"]\n{CONFIG}')
    host.write("/etc/containerd/conf.d/a.toml", "")
    host.start()
    host.runtime.observe()
    before = host.runtime.signature()
    assert host.runtime.signature() == before

    change(host)

    assert host.runtime.signature() != before


def test_proofs_are_asked_of_the_runtime_itself(host: Host):
    proofs = host.runtime.prove(socket=HostPath("/run/x.sock"), hosts=["a.b.svc"])

    assert proofs == {"a.b.svc": Proof(reason=None, detail="asked /run/x.sock")}
