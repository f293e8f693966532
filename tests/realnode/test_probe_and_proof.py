"""The probe agrees with the real runtime, and the proof shows what the real runtime does.

The probe's verdict decides whether a working configuration is replaced, so for every fault it is
held against the pull of a real image by each containerd.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.errors import Problem, Reason
from agent.node.cri import CriClient
from agent.planning.evidence import Proof
from agent.planning.model import HostPath
from tests.ground.certificates import Authority
from tests.ground.fronts import Bearer
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.runtime import default_config
from tests.realnode.fault_cases import Case, answer_cases, certificate_cases

pytestmark = pytest.mark.realnode

ADDRESS = "10.96.0.50"
HOST = "knative.registry.svc.cluster.local"
IMAGE = f"{HOST}/app/demo:v1"
SOCKET = HostPath("/run/containerd/containerd.sock")
CHECKOUT = Path(__file__).parents[2]


def point_to(node: Node, *, ca: str, tail: str = "[host]\n") -> None:
    folder = f"etc/containerd/certs.d/{HOST}"
    node.write(f"{folder}/ca.crt", ca)
    node.write(
        f"{folder}/hosts.toml",
        f'server = "https://{ADDRESS}"\ncapabilities = ["pull", "resolve"]\nca = "ca.crt"\n'
        f'dial_timeout = "3s"\n\n{tail}',
    )


def probe(node: Node, *, ca: str) -> Mapping[str, str]:
    """Probe from inside the node."""
    pem = node.write("tmp/trusted.pem", ca)
    module = [sys.executable, "-m", "tests.realnode.probe_once"]
    done = node.run([*module, str(node.root), ADDRESS, str(pem)], cwd=CHECKOUT)
    assert done.returncode == 0, done.stderr
    result: dict[str, str] = json.loads(done.stdout)
    return result


def prove(node: Node, *, seconds: float = 10) -> Proof:
    return CriClient(node.root, call_seconds=seconds).prove(socket=SOCKET, hosts=[HOST])[HOST]


def judge(node: Node, registry: Registry, cases: Mapping[str, Case]) -> None:
    """Show every case to the probe and to the runtime, one front for all."""
    registry.push("app/demo")
    certificate = Authority.create().issue(ips=[ADDRESS])  # until the first case has its own
    registry.open_front("main", address=ADDRESS, certificate=certificate)
    node.start_containerd()
    found = {}
    for name, case in cases.items():
        registry.switch_certificate("main", case.serves)
        registry.switch_answers("main", case.answers)
        point_to(node, ca=case.trusts)
        pull = node.pull(IMAGE)
        node.remove_image(IMAGE)
        found[name] = (probe(node, ca=case.trusts)["reason"], pull.ok)
    assert found == {name: (case.verdict, case.verdict is None) for name, case in cases.items()}


def test_the_probe_agrees_with_the_runtime_about_every_certificate(node: Node, registry: Registry):
    judge(node, registry, certificate_cases(address=ADDRESS, host=HOST))


def test_the_probe_agrees_with_the_runtime_about_every_answer(node: Node, registry: Registry):
    judge(node, registry, answer_cases(address=ADDRESS, host=HOST))


def test_the_probe_agrees_with_the_runtime_about_the_way(node: Node, registry: Registry):
    ca = Authority.create()
    registry.push("app/demo")
    registry.open_front("main", address=ADDRESS, certificate=ca.issue(ips=[ADDRESS]))
    node.start_containerd()
    point_to(node, ca=ca.pem)

    def verdicts() -> tuple[str, bool]:
        return probe(node, ca=ca.pem)["reason"], node.pull(IMAGE, timeout=5).ok

    registry.close()
    assert verdicts() == (Reason.CONNECTION_REFUSED, False)
    node.remove_address(ADDRESS)
    assert verdicts() == (Reason.UNREACHABLE, False)
    node.drop_packets_to(ADDRESS)
    assert verdicts() == (Reason.TIMEOUT, False)
    assert prove(node, seconds=4).reason is Reason.TIMEOUT


def test_a_ca_that_only_the_node_trusts_decides_for_both_but_is_reported(
    node: Node, registry: Registry
):
    company = Authority.create(name="company CA")
    node.write("etc/pki/tls/certs/company.pem", company.pem)
    registry.push("app/demo")
    registry.open_front("main", address=ADDRESS, certificate=company.issue(ips=[ADDRESS]))
    node.start_containerd()
    other = Authority.create(name="another CA").pem
    point_to(node, ca=other)

    result = probe(node, ca=other)

    assert node.pull(IMAGE).ok
    assert result["reason"] is None
    assert result["strict_reason"] == Reason.UNKNOWN_AUTHORITY


@pytest.fixture
def ca(node: Node, registry: Registry) -> Authority:
    """The CA of a good registry, on a node whose containerd runs and has no file of ours yet."""
    made = Authority.create()
    registry.push("app/demo")
    registry.open_front("main", address=ADDRESS, certificate=made.issue(ips=[ADDRESS]))
    node.start_containerd()
    return made


def test_the_proof_tells_a_file_that_is_read_from_one_that_is_not(node: Node, ca: Authority):
    before = prove(node)
    point_to(node, ca=ca.pem)
    with_file = prove(node)
    point_to(node, ca=ca.pem, tail="[host")
    with_broken_file = prove(node)

    assert before.reason is Reason.RUNTIME_IGNORES_FILES
    assert with_file.effective, with_file.detail
    assert with_broken_file.reason is Reason.RUNTIME_IGNORES_FILES


def test_the_proof_shows_which_containerd_ignores_a_colon_list(
    node: Node, ca: Authority, containerd_version: str
):
    paths = "/etc/containerd/certs.d:/etc/docker/certs.d"
    node.start_containerd(config=default_config(node.containerd_version, config_path=paths))
    point_to(node, ca=ca.pem)

    ignored = containerd_version >= "2.1"  # 2.0 splits it
    assert prove(node).reason is (Reason.RUNTIME_IGNORES_FILES if ignored else None)


def test_a_realm_on_the_clusters_own_name_is_no_sign_of_an_ignored_file(
    node: Node, registry: Registry, ca: Authority
):
    registry.switch_answers("main", Bearer(realm=f"https://{HOST}/token"))
    point_to(node, ca=ca.pem)

    proof = prove(node)

    assert proof.reason is Reason.PULL_FAILED
    assert f"lookup {HOST}" in proof.detail


def test_the_proof_stores_nothing(node: Node, ca: Authority):
    point_to(node, ca=ca.pem)
    node.pull(IMAGE)
    before = stored(node)

    assert prove(node).effective

    assert stored(node) == before
    assert before[1]


def test_a_tag_that_somebody_made_after_all_is_forgotten_again(
    node: Node, registry: Registry, ca: Authority
):
    registry.push("registry-node-agent/absent", "absent", text="somebody's\n")
    point_to(node, ca=ca.pem)

    proof = prove(node)

    assert proof.effective
    assert "somebody made that tag" in proof.detail
    assert node.images() == ()


def test_an_image_in_use_survives_when_somebody_gives_it_that_tag(
    node: Node, registry: Registry, ca: Authority
):
    registry.push("registry-node-agent/absent", "absent", text="hello\n")
    point_to(node, ca=ca.pem)
    node.pull(IMAGE)

    assert prove(node).effective

    assert IMAGE in node.images()


def test_a_runtime_that_is_stopped_or_hangs_proves_nothing(node: Node, ca: Authority):
    point_to(node, ca=ca.pem)
    client = CriClient(node.root, call_seconds=1)
    assert isinstance(client.version(SOCKET), tuple)

    os.kill(node.containerd.process.program_pid, signal.SIGSTOP)
    assert prove(node, seconds=1).reason is Reason.RUNTIME_TIMEOUT
    assert silence(client) is Reason.RUNTIME_TIMEOUT
    os.kill(node.containerd.process.pid, signal.SIGCONT)  # nsenter stops and goes on with it

    node.stop_containerd()
    assert prove(node).reason is Reason.RUNTIME_UNREACHABLE
    assert silence(client) is Reason.RUNTIME_UNREACHABLE


def silence(client: CriClient) -> Reason:
    """Why the runtime does not tell its version."""
    told = client.version(SOCKET)
    assert isinstance(told, Problem)
    return told.reason


def stored(node: Node) -> tuple[tuple[str, ...], str]:
    """The runtime's images, and the blobs in its content store."""
    blobs = f"{node.root}/var/lib/containerd/io.containerd.content.v1.content"
    done = node.run(["find", blobs, "-type", "f"])
    return node.images(), "".join(sorted(done.stdout.splitlines()))
