"""While no runtime runs, its files are looked for where the layout of the node has them."""

from pathlib import Path

import pytest

from agent.errors import NodeTrouble, Reason
from agent.node.layout_traces import look_for_traces
from tests.node.containerd_host import CONFIG, FakeCri, Host, furnished_host
from tests.node.test_layout_runtime import K3S, MICROK8S, refusal, runtime_of

RKE2 = "/var/lib/rancher/rke2/agent/etc/containerd/config.toml"
MOVED = "/data/agent/etc/containerd/config.toml"
FLATCAR = "/usr/share/containerd/config.toml"
K3S_UNIT = """\
[Service]
# --data-dir /not/this
ExecStart=/usr/local/bin/k3s \\
    server \\
        '--data-dir' \\
        '/data' \\
"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A node beside whose distribution containerd's own package is installed."""
    return furnished_host(tmp_path)


def shown(host: Host) -> tuple[str, str, list[str]]:
    """The configuration, the socket and the roots of a runtime that does not run."""
    view = runtime_of(host).observe()
    assert view.pid is None
    return view.config_file, view.socket, [root.path for root in view.roots]


@pytest.mark.parametrize(
    ("marker", "config", "socket"),
    [
        ("/etc/rancher/k3s/k3s.yaml", K3S, "/run/k3s/containerd/containerd.sock"),
        ("/etc/rancher/rke2/rke2.yaml", RKE2, "/run/k3s/containerd/containerd.sock"),
        ("/etc/k0s/k0s.yaml", "/etc/k0s/containerd.toml", "/run/k0s/containerd.sock"),
        ("/var/snap/microk8s/x", MICROK8S, "/var/snap/microk8s/common/run/containerd.sock"),
    ],
)
def test_a_stopped_one_is_found_under_its_own_paths(
    host: Host, marker: str, config: str, socket: str
) -> None:
    host.write(marker, "")
    host.write(config, CONFIG.replace("/etc/containerd", f"{config.rpartition('/')[0]}"))
    assert shown(host) == (config, socket, [f"{config.rpartition('/')[0]}/certs.d"])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/rancher/k3s/config.yaml", "node-ip: 10.0.0.1\ndata-dir: /data\n"),
        ("/etc/rancher/k3s/config.yaml", '"data-dir" : "/data/"  # bigger\n'),
        ("/etc/rancher/rke2/config.yaml", "data-dir: '/data'\n"),
        ("/etc/rancher/rke2/config.yaml.d/50-disk.yaml", "data-dir: /data\n"),
        ("/etc/systemd/system/k3s.service", K3S_UNIT),
        ("/etc/systemd/system/k3s.service.d/data.conf", K3S_UNIT),
        ("/etc/systemd/system/k3s.service.env", "K3S_TOKEN=x\nK3S_DATA_DIR='/data'\n"),
        ("/etc/default/rke2-server", "RKE2_DATA_DIR=/data\n"),
        ("/etc/systemd/system/k3s-agent.service", "ExecStart=/k3s agent --data-dir=/data\n"),
    ],
)
def test_and_where_its_settings_have_moved_it(host: Host, path: str, text: str) -> None:
    host.write(f"/etc/rancher/{'rke2' if 'rke2' in path else 'k3s'}/token", "")
    host.write(path, text)
    host.write(MOVED, CONFIG.replace("/etc/containerd", "/data/agent/etc/containerd"))
    config, _, roots = shown(host)
    assert (config, roots) == (MOVED, ["/data/agent/etc/containerd/certs.d"])


@pytest.mark.parametrize("text", ["# data-dir: /data\n", "user-data-dir: /data\n", "data-dir:\n"])
def test_what_only_looks_like_it_moves_nothing(host: Host, text: str) -> None:
    host.write("/etc/rancher/k3s/config.yaml", text)
    assert look_for_traces(host.root, node_name="node-a").moved == {}


def test_of_several_the_command_line_has_the_last_word(host: Host) -> None:
    host.write("/etc/systemd/system/k3s.service.env", "K3S_DATA_DIR=/zeroth\n")
    host.write("/etc/rancher/k3s/config.yaml", "data-dir: /first\n")
    host.write("/etc/rancher/k3s/config.yaml.d/b.yaml", "data-dir: /second\n")
    host.write("/etc/systemd/system/k3s.service", "ExecStart=/k3s server --data-dir /third\n")
    assert look_for_traces(host.root, node_name="node-a").moved == {"k3s": "/third"}


def test_a_running_rke2_with_its_data_elsewhere_is_rke2(host: Host) -> None:
    host.write("/etc/rancher/rke2/config.yaml", "data-dir: /data\n")
    host.write("/etc/rancher/k3s/left-over", "")
    host.write(MOVED, "version = 2\n")
    host.start("-c", MOVED)
    view = runtime_of(host).observe()
    assert view.layout.startswith("RKE2, by the runtime's /data/")
    assert "/data/agent/etc/containerd/config-v3.toml.tmpl" in view.problems[0].detail


def test_what_was_learnt_of_the_running_one_does_not_hide_where_it_rests(host: Host) -> None:
    host.write("/etc/rancher/k3s/k3s.yaml", "")
    host.write(K3S, CONFIG)
    host.start()  # containerd's own, beside a k3s that is stopped
    runtime = runtime_of(host)
    assert runtime.observe().config_file == "/etc/containerd/config.toml"
    host.end()
    assert runtime.observe().config_file == K3S


def test_on_flatcar_a_person_s_copy_goes_before_the_file_of_the_image(host: Host) -> None:
    host.write("/etc/os-release", "ID=flatcar\n")
    host.write(FLATCAR, CONFIG)
    assert shown(host)[0] == "/etc/containerd/config.toml"
    (host.root / "etc/containerd/config.toml").unlink()
    assert shown(host)[0] == FLATCAR


def test_a_stopped_one_whose_files_are_not_mounted_says_so(tmp_path: Path) -> None:
    bare = Host(tmp_path, cri=FakeCri())
    bare.write("/etc/systemd/system/snap.microk8s.daemon-containerd.service", "")
    problem = refusal(runtime_of(bare))
    assert problem.reason is Reason.LAYOUT_NOT_MOUNTED
    assert problem.where == "/var/snap/microk8s/current/args"


def test_one_that_was_never_started_is_not_found(tmp_path: Path) -> None:
    bare = Host(tmp_path, cri=FakeCri())
    bare.write("/etc/rancher/k3s/config.yaml", "")
    with pytest.raises(NodeTrouble) as trouble:
        runtime_of(bare).observe()
    assert trouble.value.problem.reason is Reason.LAYOUT_NOT_MOUNTED
