"""The ground is honest: its nodes really cannot resolve cluster names, and really verify TLS."""

import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.ground.certificates import Authority, bundle
from tests.ground.fronts import Bearer, Failure
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.conftest import containerd_or_skip

pytestmark = pytest.mark.realnode

HOST = "knative.registry.svc.cluster.local"
IMAGE = f"{HOST}/app/demo:v1"
ADDRESS = "10.96.0.50"
newest_only = pytest.mark.parametrize("containerd_version", ["2.1"])


def point_to(node: Node, *, address: str, ca: str, directory: str = "certs.d") -> None:
    """Write by hand what the agent will write."""
    host = f"[{address}]" if ":" in address else address
    lines = [
        f'server = "https://{host}"',
        'capabilities = ["pull", "resolve"]',
        'ca = "ca.crt"',
        'dial_timeout = "3s"',
        "",
        "[host]",
    ]
    folder = f"etc/containerd/{directory}/{HOST}"
    node.write(f"{folder}/ca.crt", ca)
    node.write(f"{folder}/hosts.toml", "\n".join(lines) + "\n")


def serve(registry: Registry, authority: Authority, *, address: str = ADDRESS) -> None:
    """One image, and one front with a good certificate."""
    registry.push("app/demo")
    certificate = authority.issue(dns=[HOST], ips=[address])
    registry.open_front("main", address=address, certificate=certificate)


def test_a_cluster_hostname_fails_before_and_works_with_the_portable_file(
    node: Node, registry: Registry
):
    authority = Authority.create()
    serve(registry, authority)
    node.start_containerd()

    before = node.pull(IMAGE)
    point_to(node, address=ADDRESS, ca=authority.pem)
    after = node.pull(IMAGE)

    assert not before.ok
    assert f"lookup {HOST}" in before.error
    assert "no such host" in before.error
    assert after.ok, after.error
    assert IMAGE in node.images()
    assert {request.sni for request in registry.requests()} == {""}


def test_containerd_reads_the_nodes_own_configuration(node: Node, containerd_version: str):
    node.start_containerd()

    assert node.containerd_version.startswith(f"{containerd_version}.")
    assert "/etc/containerd/certs.d" in node.containerd_config_dump()


def test_another_ca_is_refused(node: Node, registry: Registry):
    serve(registry, Authority.create())
    node.start_containerd()
    point_to(node, address=ADDRESS, ca=Authority.create().pem)

    assert "unknown authority" in node.pull(IMAGE).error


def test_an_absent_tag_tells_whether_the_file_is_read(node: Node, registry: Registry):
    authority = Authority.create()
    serve(registry, authority)
    node.start_containerd()
    absent = f"{HOST}/registry-node-agent/absent:absent"

    before = node.pull(absent).error
    point_to(node, address=ADDRESS, ca=authority.pem)
    after = node.pull(absent).error

    assert "lookup" in before
    assert "not found" in after
    assert node.images() == ()


def test_ipv6(node: Node, registry: Registry):
    authority = Authority.create()
    serve(registry, authority, address="fd00:10:96::50")
    node.start_containerd()
    point_to(node, address="fd00:10:96::50", ca=authority.pem)

    assert node.pull(IMAGE).error == ""


@newest_only
def test_a_missing_address_in_the_certificate_is_refused(node: Node, registry: Registry):
    authority = Authority.create()
    serve(registry, authority)
    node.start_containerd()
    point_to(node, address=ADDRESS, ca=authority.pem)
    registry.switch_certificate("main", authority.issue(dns=[HOST]))

    assert "doesn't contain any IP SANs" in node.pull(IMAGE).error


@newest_only
def test_dropped_packets_are_silent(node: Node):
    node.start_containerd()
    node.drop_packets_to("10.96.0.66")
    point_to(node, address="10.96.0.66", ca=Authority.create().pem)

    pull = node.pull(IMAGE)

    assert "i/o timeout" in pull.error
    assert 2.9 < pull.seconds < 5


@newest_only
def test_fronts_can_fail_or_ask_for_a_token(node: Node, registry: Registry):
    authority = Authority.create()
    serve(registry, authority)
    node.start_containerd()
    point_to(node, address=ADDRESS, ca=authority.pem)

    registry.switch_answers("main", Bearer(realm=f"https://{ADDRESS}/token"))
    assert node.pull(IMAGE).error == ""
    node.remove_image(IMAGE)

    registry.switch_answers("main", Bearer(realm="https://tokens.registry.svc/token"))
    assert "lookup tokens.registry.svc" in node.pull(IMAGE).error

    registry.switch_answers("main", Failure(status=503))
    assert "503" in node.pull(IMAGE).error


@newest_only
def test_switching_certificates_fails_no_pull(node: Node, registry: Registry):
    old, new = Authority.create(name="old"), Authority.create(name="new")
    serve(registry, old)
    node.start_containerd()
    point_to(node, address=ADDRESS, ca=bundle(old, new))
    done = Event()
    errors: list[str] = []
    pulls: list[float] = []

    def pull_and_forget() -> None:
        while not done.is_set():
            pull = node.pull(IMAGE)
            node.remove_image(IMAGE)
            pulls.append(pull.seconds)
            if not pull.ok:
                errors.append(pull.error)

    puller = Thread(target=pull_and_forget)
    puller.start()
    try:
        for authority in (new, old) * 10:
            registry.switch_certificate("main", authority.issue(dns=[HOST], ips=[ADDRESS]))
    finally:
        done.set()
        puller.join()

    assert errors == []
    assert len(pulls) > 10


@newest_only
def test_a_restarted_containerd_answers_again(node: Node, registry: Registry):
    authority = Authority.create()
    serve(registry, authority)
    node.start_containerd()
    first = node.containerd.process.program_pid
    point_to(node, address=ADDRESS, ca=authority.pem)

    node.restart_containerd()

    assert node.containerd.process.program_pid != first
    assert node.pull(IMAGE).ok


@newest_only
def test_a_program_in_the_node_sees_its_processes_and_its_names(node: Node):
    node.start_containerd()
    code = (
        "import pathlib, sys; root = pathlib.Path(sys.argv[1]);"
        "print([p.read_bytes().split(b'\\0')[0].decode() for p in root.glob('proc/*/cmdline')])"
    )

    seen = node.run([sys.executable, "-c", code, str(node.root)])

    assert "/usr/bin/containerd'" in seen.stdout, seen.stderr
    assert node.run(["cat", "/etc/resolv.conf"]).stdout.startswith("# This node has no")
    assert node.run(["hostname"]).stdout == "node-a\n"


@newest_only
def test_a_snapshot_sees_every_change(node: Node):
    before = node.snapshot()
    node.write("etc/containerd/certs.d/some.host/hosts.toml", "")
    after = node.snapshot()

    assert set(after) - set(before) == {
        "etc/containerd/certs.d/some.host",
        "etc/containerd/certs.d/some.host/hosts.toml",
    }
    assert node.snapshot() == after


@newest_only
def test_a_signal_reaches_the_program_itself(node: Node):
    process = node.popen(["sleep", "60"])

    name = Path(f"/proc/{process.program_pid}/comm")
    wait_until(lambda: name.read_text() == "sleep\n", what="the program itself is found")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == -signal.SIGTERM


def test_nothing_is_left_of_a_node_whose_test_was_killed():
    code = (
        "import signal, sys;"
        "from tests.ground import programs; from tests.ground.node import Node;"
        "node = Node(containerd=programs.containerd('1.6')); node.start_containerd();"
        "node.popen(['sleep', '60']).send_signal(signal.SIGSTOP);"
        "print(node.root, node.namespaces.first_pid, flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True
    ) as test:
        assert test.stdout
        root, first = test.stdout.readline().split()
        namespace = Path(f"/proc/{first}/ns/mnt").readlink()
        assert namespace != Path("/proc/self/ns/mnt").readlink()
        test.kill()

    wait_until(lambda: not Path(root).exists(), what="the node's directory is gone")
    wait_until(lambda: not Path(f"/proc/{first}").exists(), what="the first process is gone")
    assert root not in Path("/proc/self/mounts").read_text()
    assert namespace not in {
        link for place in Path("/proc").glob("[0-9]*/ns/mnt") for link in [_target(place)]
    }


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        return None


@newest_only
def test_nodes_side_by_side_share_nothing(node: Node, registry: Registry):
    authority = Authority.create()
    serve(registry, authority)
    node.start_containerd()
    with Node(containerd=containerd_or_skip("1.6"), name="node-b") as other:
        other.start_containerd()
        for each in (node, other):
            point_to(each, address=ADDRESS, ca=authority.pem)

        assert node.pull(IMAGE).ok
        assert not other.pull(IMAGE).ok
        assert other.images() == ()


@newest_only
def test_an_endpoint_can_vanish_and_come_back(node: Node, registry: Registry):
    authority = Authority.create()
    serve(registry, authority)
    node.start_containerd()
    point_to(node, address=ADDRESS, ca=authority.pem)

    node.remove_address(ADDRESS)
    assert "network is unreachable" in node.pull(IMAGE).error
    node.drop_packets_to(ADDRESS)
    assert "i/o timeout" in node.pull(IMAGE).error
    node.stop_dropping(ADDRESS)
    node.add_address(ADDRESS)
    assert node.pull(IMAGE).error == ""
    node.remove_image(IMAGE)
    registry.close_front("main")
    assert "connection refused" in node.pull(IMAGE).error


@newest_only
def test_a_registry_can_hang(node: Node, registry: Registry):
    authority = Authority.create()
    serve(registry, authority)
    node.start_containerd()
    point_to(node, address=ADDRESS, ca=authority.pem)

    for fronts in (False, True):
        with registry.hanging(fronts=fronts):
            pull = node.pull(IMAGE, timeout=1)
        assert "DEADLINE_EXCEEDED" in pull.error

    assert node.pull(IMAGE).error == ""


@newest_only
def test_a_stopped_program_does_not_keep_its_node_alive(containerd_version: str):
    with Node(containerd=containerd_or_skip(containerd_version)) as made:
        process = made.popen(["sleep", "60"])
        process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: ") T " in stat.read_text(), what="nsenter stops with its program")

    assert process.wait(timeout=30) == -signal.SIGKILL
    assert not made.root.exists()
