"""What the agent relies on in CRI-O, shown on the real program: when it reads which file."""

import signal
from collections.abc import Iterator
from functools import partial

import pytest

from tests.ground import crio, programs
from tests.ground.certificates import Authority
from tests.ground.crio import CERTIFICATES, DROP_INS, Crio
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.missing_programs import found_or_skipped
from tests.realnode.conftest import containerd_or_skip

pytestmark = pytest.mark.realnode

ADDRESS = "10.96.0.50"
HOST = "knative.registry.svc.cluster.local"
IMAGE = f"{HOST}/app/demo:v1"
DROP_IN = f'[[registry]]\nprefix = "{HOST}"\nlocation = "{ADDRESS}:443"\n'


@pytest.fixture(params=programs.CRIO_VERSIONS)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Node, Crio, Authority]]:
    """A node with a CRI-O, and a registry that serves one image."""
    version = str(request.param)
    tools = found_or_skipped(f"CRI-O {version}", partial(crio.tools, version))
    with (
        Node(containerd=containerd_or_skip("2.1"), tools=tools) as node,
        Registry(node=node) as registry,
        Crio(node, version) as runtime,
    ):
        authority = Authority.create(name="first CA")
        certificate = authority.issue(dns=[HOST], ips=[ADDRESS])
        registry.push("app/demo")
        registry.open_front("main", address=ADDRESS, port=443, certificate=certificate)
        runtime.furnish()
        runtime.start()
        yield node, runtime, authority


def test_a_drop_in_is_read_at_a_reload_and_certificates_at_every_pull(
    served: tuple[Node, Crio, Authority],
) -> None:
    node, runtime, authority = served
    assert "no such host" in runtime.pull(IMAGE).error
    node.write(f"{CERTIFICATES}/{ADDRESS}:443/ca.crt", authority.pem)
    node.write(f"{DROP_INS}/50-ours.conf", DROP_IN)
    assert "no such host" in runtime.pull(IMAGE).error
    runtime.reload()
    assert runtime.pull(IMAGE).ok
    node.write(f"{CERTIFICATES}/{ADDRESS}:443/ca.crt", Authority.create(name="other").pem)
    assert "unknown authority" in runtime.pull(IMAGE).error


def test_a_broken_drop_in_changes_nothing_until_the_next_start(
    served: tuple[Node, Crio, Authority],
) -> None:
    node, runtime, authority = served
    node.write(f"{CERTIFICATES}/{ADDRESS}:443/ca.crt", authority.pem)
    node.write(f"{DROP_INS}/50-ours.conf", DROP_IN)
    runtime.reload()
    node.write(f"{DROP_INS}/60-broken.conf", "[[registry\n")
    runtime.process.send_signal(signal.SIGHUP)
    wait_until(
        lambda: "60-broken.conf" in runtime.log.read_text(), what="CRI-O tells of the broken file"
    )
    assert runtime.pull(IMAGE).ok
