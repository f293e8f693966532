"""The files that CRI-O gets serve podman, skopeo and buildah too, without any reload."""

from collections.abc import Iterator

import pytest

from tests.ground import image_tools
from tests.ground.certificates import Authority
from tests.ground.crio import CERTIFICATES, DROP_INS
from tests.ground.image_tools import ImageTools
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.missing_programs import found_or_skipped
from tests.realnode.conftest import containerd_or_skip

pytestmark = pytest.mark.realnode

ADDRESS = "10.96.0.50"
HOST = "knative.registry.svc.cluster.local"
IMAGE = f"{HOST}/app/demo:v1"
DROP_IN = f'[[registry]]\nprefix = "{HOST}"\nlocation = "{ADDRESS}:443"\n'


@pytest.fixture
def node() -> Iterator[Node]:
    tools = found_or_skipped("podman, skopeo and buildah", image_tools.tools)
    with Node(containerd=containerd_or_skip("2.1"), tools=tools) as made:
        yield made


@pytest.mark.parametrize("name", image_tools.NAMES)
def test_the_cluster_hostname_is_pulled_over_verified_tls(
    node: Node, registry: Registry, name: str
):
    authority = Authority.create(name="first CA")
    registry.push("app/demo")
    registry.open_front(
        "main", address=ADDRESS, certificate=authority.issue(dns=[HOST], ips=[ADDRESS])
    )
    program = ImageTools(node)

    before = program.pull(name, IMAGE)
    node.write(f"{DROP_INS}/50-ours.conf", DROP_IN)
    untrusted = program.pull(name, IMAGE)
    node.write(f"{CERTIFICATES}/{ADDRESS}:443/ca.crt", authority.pem)

    assert "no such host" in before
    assert "unknown authority" in untrusted
    assert program.pull(name, IMAGE) == ""
