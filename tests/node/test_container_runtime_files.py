"""containerd's files on a node: imports, links, and what is broken or refused."""

import os
from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Reason
from tests.node.containerd_host import CERTS_D, CONFIG, Host, furnished_host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return furnished_host(tmp_path)


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


def test_a_fifo_among_the_imports_is_broken_and_not_waited_for(host: Host):
    host.write("/etc/containerd/config.toml", f'imports = ["/conf.d/*.toml"]\n{CONFIG}')
    (host.root / "conf.d").mkdir()
    os.mkfifo(host.root / "conf.d/a.toml")

    [problem] = host.runtime.observe().problems

    assert (problem.reason, problem.where) == (Reason.RUNTIME_CONFIG_BROKEN, "/conf.d/a.toml")


def test_a_containerd_that_is_told_to_read_nothing_runs_on_its_defaults(host: Host):
    os.mkfifo(host.write("/dev/x", "").with_name("null"))  # stands for the device
    host.start("--config", "/dev/null")

    assert host.runtime.observe().problems[0].reason is Reason.CONFIG_PATH_UNSET


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
