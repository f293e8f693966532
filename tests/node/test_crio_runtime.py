"""Which CRI-O runs here, and what it reads: from its process, its configuration, its socket."""

from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Problem, Reason
from agent.node.crio_runtime import CrioRuntime, crio_options
from agent.node.resolved_names import resolves_to_loopback
from agent.planning.model import HostPath
from tests.node.containerd_host import FakeCri, Host

SOCKET = HostPath("/run/crio/crio.sock")
HOST = "knative.registry.svc"


class DeafSystemd:
    """Says why it does not, when it is told to."""

    refusal = "no such unit"

    def reload(self, *, pid: int) -> str:
        return f"{self.refusal} for {pid}"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path, cri=FakeCri(answer=("cri-o", "1.36.3")))
    made.write("/etc/crio/crio.conf", f'[crio.api]\nlisten = "{SOCKET}"\n')
    made.serve(SOCKET)
    made.start(program="/usr/bin/crio", comm="crio")
    return made


def runtime_of(host: Host) -> CrioRuntime:
    return CrioRuntime(host.root, cri=host.cri, systemd=DeafSystemd())  # type: ignore[arg-type]


def test_the_process_its_socket_and_its_version_are_found(host: Host) -> None:
    view = runtime_of(host).observe()
    assert (view.title, view.pid, view.socket) == ("crio 1.36.3", 700, SOCKET)
    assert view.problems == ()
    assert view.registries_conf is not None
    assert not view.registries_conf.reloads_itself


def test_a_later_file_of_its_configuration_wins(host: Host) -> None:
    host.write("/etc/crio/crio.conf.d/10.conf", "[crio.image]\nauto_reload_registries = true\n")
    host.write("/etc/crio/crio.conf.d/20.conf", "[crio.image\n")
    conf = runtime_of(host).observe().registries_conf
    assert conf is not None
    assert conf.reloads_itself


def test_what_others_configured_is_known_and_our_own_file_is_none_of_theirs(host: Host) -> None:
    entry = f'[[registry]]\nprefix = "{HOST}"\nlocation = "a:1"\n'
    host.write("/etc/containers/registries.conf.d/50-registry-node-agent.conf", entry)
    conf = runtime_of(host).observe().registries_conf
    assert conf is not None
    assert conf.prefixes == {}
    theirs = "/etc/containers/registries.conf.d/60-theirs.conf"
    host.write(theirs, entry)
    conf = runtime_of(host).observe().registries_conf
    assert conf is not None
    assert conf.prefixes == {HOST: theirs}


def test_a_drop_in_in_roots_home_is_theirs_too(host: Host) -> None:
    theirs = "/root/.config/containers/registries.conf.d/50-registry-node-agent.conf"
    host.write(theirs, f'[[registry]]\nprefix = "{HOST}"\nlocation = "a:1"\n')
    conf = runtime_of(host).observe().registries_conf
    assert conf is not None
    assert conf.prefixes == {HOST: theirs}


def test_roots_own_file_beside_which_nothing_is_read_is_told(host: Host) -> None:
    host.write("/root/.config/containers/registries.conf", "")
    (problem,) = runtime_of(host).observe().problems
    assert problem.reason is Reason.USER_REGISTRIES_CONF


def test_a_change_of_what_it_reads_changes_the_signature_and_the_identity(host: Host) -> None:
    runtime = runtime_of(host)
    before, signature = runtime.observe().identity, runtime.signature()
    host.write("/etc/containers/registries.conf", "# theirs\n")
    assert runtime.signature() != signature
    assert runtime.observe().identity != before
    assert runtime.observe().identity == runtime.observe().identity


def test_one_that_does_not_run_is_told_as_silent(host: Host) -> None:
    host.end()
    view = runtime_of(host).observe()
    assert view.pid is None
    assert view.silence is not None
    assert view.silence.reason is Reason.RUNTIME_UNREACHABLE


@pytest.mark.parametrize(
    "answer",
    [
        ("containerd", "2.1.9"),
        Problem(reason=Reason.RUNTIME_TIMEOUT, where=SOCKET, detail="it hangs"),
    ],
)
def test_whoever_else_answers_there_tells_no_version(
    host: Host, answer: tuple[str, str] | Problem
) -> None:
    host.cri.answer = answer
    view = runtime_of(host).observe()
    assert (view.version, view.silence is None) == ("", False)


def test_a_reload_that_is_refused_is_told_with_the_reason(host: Host) -> None:
    runtime = runtime_of(host)
    runtime.observe()
    with pytest.raises(NodeTrouble, match="no such unit for 700") as refused:
        runtime.reload()
    assert refused.value.problem.reason is Reason.NEEDS_RELOAD


def test_one_that_would_refuse_all_for_a_broken_file_is_not_told_to(host: Host) -> None:
    host.write("/etc/containers/registries.conf.d/60-theirs.conf", "[[registry\n")
    runtime = runtime_of(host)
    (problem,) = runtime.observe().problems
    with pytest.raises(NodeTrouble) as refused:
        runtime.reload()
    assert refused.value.problem == problem


def test_one_that_does_not_run_needs_no_reload(host: Host) -> None:
    host.end()
    runtime = runtime_of(host)
    runtime.observe()
    runtime.reload()


@pytest.mark.parametrize(("version", "verified"), [("1.34.0", False), ("1.35.0", True)])
def test_before_1_35_a_name_of_the_node_itself_proves_nothing(
    host: Host, version: str, *, verified: bool
) -> None:
    host.cri.answer = ("cri-o", version)
    host.write("/etc/hosts", f"127.0.0.2 other {HOST} # ours\n")
    runtime = runtime_of(host)
    runtime.observe()
    (proof,) = runtime.prove(socket=SOCKET, hosts=[f"{HOST}:443"]).values()
    expected = None if verified else Reason.NAME_RESOLVES_TO_LOOPBACK
    assert proof.reason is expected


def test_a_host_that_resolves_elsewhere_or_nowhere_is_no_loopback(tmp_path: Path) -> None:
    assert not resolves_to_loopback(tmp_path, f"{HOST}:443")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text(f"10.0.0.1 {HOST}\nnonsense {HOST}\n127.0.0.1 x{HOST}\n")
    assert not resolves_to_loopback(tmp_path, HOST)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (
            ["--log-level", "info", "-c", "/a", "--config-dir=/b"],
            {"config": "/a", "config-dir": "/b"},
        ),
        (["--listen", "/run/x.sock"], {"listen": "/run/x.sock"}),
        (["status", "info"], None),
    ],
)
def test_a_command_line_is_read_as_crio_does(
    arguments: list[str], options: dict[str, str] | None
) -> None:
    assert crio_options(arguments) == options


def test_certificates_in_roots_home_go_before_ours_and_are_seen_when_they_come(host: Host) -> None:
    runtime = runtime_of(host)
    before, seen = runtime.observe(), runtime.signature()
    theirs = "/root/.config/containers/certs.d/10.96.0.50:443"
    host.write(f"{theirs}/ca.crt", "")
    after = runtime.observe()
    assert before.registries_conf is not None
    assert after.registries_conf is not None
    assert before.registries_conf.preferred == {}
    assert after.registries_conf.preferred == {"10.96.0.50:443": theirs}
    assert after.identity != before.identity
    assert runtime.signature() != seen
