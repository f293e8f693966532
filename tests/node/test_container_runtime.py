"""Which containerd runs and how it is configured, by a node's files as the agent sees them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Reason
from agent.node.container_runtime import ContainerdRuntime
from agent.planning.model import Folder, HostPath, Proof

CERTS_D = Folder(base=HostPath("/etc/containerd"), below=("certs.d",))
CONFIG = """\
version = 2
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d"
"""


@dataclass
class FakeCri:
    """A runtime that tells its version, and counts how often it was asked."""

    answer: tuple[str, str] | None = ("containerd", "v1.7.24")
    asked: list[str] = field(default_factory=list)

    def version(self, socket: HostPath) -> tuple[str, str] | None:
        self.asked.append(socket)
        return self.answer

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        return dict.fromkeys(hosts, Proof(reason=None, detail=f"asked {socket}"))


@dataclass
class Host:
    """A node's root: files, and processes as /proc shows them."""

    root: Path
    cri: FakeCri = field(default_factory=FakeCri)
    setting: str = "auto"

    def __post_init__(self) -> None:
        (self.root / "proc").mkdir()
        self.runtime = ContainerdRuntime(self.root, setting=self.setting, cri=self.cri)

    def write(self, path: str, text: str) -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def start(
        self,
        *arguments: str,
        pid: int = 700,
        started: int = 100,
        program: str = "/usr/bin/containerd",
        comm: str = "containerd",
        ids: str = "700",
        state: str = "S",
    ) -> None:
        self.write(f"proc/{pid}/comm", f"{comm}\n")
        self.write(f"proc/{pid}/cmdline", "\0".join([program, *arguments]) + "\0")
        filler = " ".join("0" for _ in range(18))
        self.write(f"proc/{pid}/stat", f"{pid} (a (b) c) {state} {filler} {started} 0 0")
        self.write(f"proc/{pid}/status", f"Name:\t{comm}\nNSpid:\t{ids}\n")

    def end(self, pid: int = 700) -> None:
        for name in ("comm", "cmdline", "stat", "status"):
            (self.root / f"proc/{pid}/{name}").unlink()

    def serve(self, path: str = "/run/containerd/containerd.sock") -> None:
        self.write(path, "")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.write("/etc/containerd/config.toml", CONFIG)
    made.serve()
    return made


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
    host = Host(tmp_path, cri=FakeCri(answer=None))
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


def test_another_runtime_is_not_supported_yet(tmp_path: Path):
    with pytest.raises(NodeTrouble, match="--runtime crio is not supported"):
        Host(tmp_path, setting="crio").runtime.observe()


def test_a_socket_that_is_not_containerds_tells_no_version(host: Host):
    host.cri.answer = ("cri-o", "1.37.0")

    assert host.runtime.observe().version == ""


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
    host.cri.answer = None

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


def test_links_lead_where_they_lead_on_the_node(host: Host):
    host.write("/usr/share/containerd/config.toml", CONFIG.replace("/etc/containerd", "/linked"))
    (host.root / "etc/containerd/config.toml").unlink()
    (host.root / "etc/containerd/config.toml").symlink_to("/usr/share/containerd/config.toml")

    assert [root.path for root in host.runtime.observe().roots] == ["/linked/certs.d"]


def test_imports_are_read_in_the_order_of_containerd(host: Host):
    imports = 'version = 2\nimports = ["/conf.d/*/[ab]*.toml", "last.toml"]\n'
    host.write("/etc/containerd/config.toml", imports)
    for place in ("/conf.d/2/a.toml", "/conf.d/1/b.toml", "/conf.d/1/c.toml"):
        host.write(place, CONFIG.replace("/etc/containerd", place.removesuffix(".toml")))

    host.write("/etc/containerd/last.toml", "")
    assert [root.path for root in host.runtime.observe().roots] == ["/conf.d/2/a/certs.d"]


@pytest.mark.parametrize(
    "files",
    {
        "no TOML": {"config.toml": "version ="},
        "an import that is missing": {"config.toml": 'imports = ["no.toml"]'},
        "an import that is no TOML": {"config.toml": 'imports = ["a.toml"]', "a.toml": "["},
        "too new": {"config.toml": "version = 3"},
    }.items(),
    ids=lambda item: item[0],
)
def test_a_broken_configuration_is_said_and_the_roots_are_kept(host: Host, files):
    host.start()
    before = host.runtime.observe()
    for name, text in files[1].items():
        host.write(f"/etc/containerd/{name}", text)

    broken = host.runtime.observe()
    seen = host.runtime.signature()
    host.write("/etc/containerd/no.toml", "")
    host.write("/etc/containerd/a.toml", "")
    host.write("/etc/containerd/config.toml", CONFIG)

    assert [problem.reason for problem in broken.problems] == [Reason.RUNTIME_CONFIG_BROKEN]
    assert (broken.roots, broken.version, broken.pid) == (before.roots, "1.7.24", 700)
    assert broken.identity != before.identity
    assert host.runtime.signature() != seen
    assert host.runtime.observe().problems == ()


def test_a_link_that_a_pattern_finds_and_that_leads_nowhere_is_broken(host: Host):
    host.write("/etc/containerd/config.toml", 'imports = ["/conf.d/*.toml"]')
    (host.root / "conf.d").mkdir()
    (host.root / "conf.d/a.toml").symlink_to("/nowhere")

    assert [p.reason for p in host.runtime.observe().problems] == [Reason.RUNTIME_CONFIG_BROKEN]


def test_a_file_named_on_the_command_line_must_be_there(host: Host):
    host.start("--config=/no/config.toml")

    assert [p.where for p in host.runtime.observe().problems] == ["/no/config.toml"]


def test_files_that_import_each_other_are_read_once(host: Host):
    host.write("/etc/containerd/config.toml", f'imports = ["more.toml"]\n{CONFIG}')
    host.write("/etc/containerd/more.toml", 'imports = ["config.toml", "more.toml"]')

    assert host.runtime.observe().roots == (CERTS_D,)


def test_a_pattern_in_a_directory_that_is_missing_matches_nothing(host: Host):
    host.write("/etc/containerd/config.toml", f'imports = ["/no/where/*"]\n{CONFIG}')

    assert host.runtime.observe().roots == (CERTS_D,)


def test_a_kernel_without_process_namespaces_has_no_containers(host: Host):
    host.start()
    host.write("/proc/version", "Linux")
    host.write("/proc/700/status", "Name:\tcontainerd\n")

    assert host.runtime.observe().pid == 700


def test_what_the_kernel_refuses_is_trouble(host: Host):
    (host.root / "etc/containerd/config.toml").unlink()
    (host.root / "etc/containerd/config.toml").mkdir()

    with pytest.raises(NodeTrouble, match="reading containerd's configuration"):
        host.runtime.observe()


def test_a_file_of_no_end_is_trouble(host: Host):
    with (host.root / "etc/containerd/config.toml").open("wb") as file:
        file.truncate(1 << 30)

    with pytest.raises(NodeTrouble, match="More than"):
        host.runtime.observe()


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
