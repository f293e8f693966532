"""Nobody falls back to plain HTTP, even where somebody would answer it: neither node nor builder.

TLS is broken on purpose, and on port 80 of the same address the registry itself answers in plain
HTTP. The one exception is what the Service of `deploy/registry` is without that port for.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.ground import image_tools, programs
from tests.ground.certificates import Authority
from tests.ground.image_tools import ImageTools
from tests.ground.node import Node
from tests.ground.plain_http import PlainHttp
from tests.ground.programs import Program
from tests.ground.registry import Registry
from tests.manifests.kustomizations import build, only
from tests.missing_programs import found_or_skipped
from tests.realnode.scene import ADDRESS, HOST, SHORT_HOST, Scene

pytestmark = pytest.mark.realcluster

CRANE, CRANE_OF_KNATIVE = "crane", "crane of Knative"
CLIENTS = ("containerd", CRANE, CRANE_OF_KNATIVE, *image_tools.NAMES)


class Place:
    """A node with its agent's files, builders with the CA, and a registry with two ways in."""

    def __init__(self, *, scene: Scene) -> None:
        self.scene = scene
        node = scene.node
        node.write("etc/hosts", f"127.0.0.1 localhost\n{ADDRESS} {HOST} {SHORT_HOST}\n")
        for host in (HOST, SHORT_HOST):
            node.write(f"etc/containers/certs.d/{host}/ca.crt", scene.authority.pem)
        self._bundle = node.write("run/trust/ca.crt", scene.authority.pem)
        self._tools = ImageTools(node)
        self._cranes: dict[str, Callable[[], Program]] = {
            CRANE: programs.crane,
            CRANE_OF_KNATIVE: programs.crane_of_knative,
        }
        self.certificate = scene.authority.issue(dns=[HOST, SHORT_HOST], ips=[ADDRESS])

    def start(self) -> None:
        """All as it should be; the agent has done its work."""
        self.scene.registry.open_front("main", address=ADDRESS, certificate=self.certificate)
        self.scene.ask_for()
        self.scene.node.start_containerd()
        assert self.scene.agent.sync().status == 0

    def mend(self) -> None:
        """The registry serves as it should."""
        self.scene.registry.open_front("main", address=ADDRESS, certificate=self.certificate)

    def serve_by_another_ca(self) -> None:
        """Of which nobody here knows."""
        other = Authority.create(name="another CA").issue(dns=[HOST, SHORT_HOST], ips=[ADDRESS])
        self.scene.registry.switch_certificate("main", other)

    def serve_nothing(self) -> None:
        """Connections to port 443 are refused."""
        self.scene.registry.close_front("main")

    def get(self, client: str, host: str) -> str:
        """What that program says when it cannot have the image; empty when it has it."""
        image = f"{host}/app/demo:v1"
        if client == "containerd":
            return self.scene.pull(image).error
        if client in self._cranes:
            return self.crane(client, "digest", image)
        return self._tools.pull(client, image)

    def crane(self, which: str, *arguments: str) -> str:
        """A crane with the CA of the registry, and no other CA."""
        done = self.scene.node.run(
            [str(self._cranes[which]().executable), *arguments],
            env={
                "SSL_CERT_FILE": str(self._bundle),
                "SSL_CERT_DIR": str(self._bundle.parent),
                "DOCKER_CONFIG": str(self._bundle.parent),
            },
        )
        return done.stderr.strip() or "it failed" if done.returncode else ""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    what = "plain HTTP"
    tools = found_or_skipped(what, image_tools.tools)
    containerd = found_or_skipped(what, lambda: programs.containerd("2.1"))
    for program in (programs.crane, programs.crane_of_knative):
        found_or_skipped(what, program)
    with ExitStack() as stack:
        node = stack.enter_context(Node(containerd=containerd, tools=tools))
        registry = stack.enter_context(Registry(node=node))
        made = Place(scene=Scene(node=node, registry=registry))
        made.start()
        yield made


@pytest.fixture
def plain_http(place: Place) -> Iterator[PlainHttp]:
    place.mend()
    with PlainHttp(place.scene.registry, address=ADDRESS) as made:
        yield made


@pytest.mark.parametrize("client", CLIENTS)
def test_where_tls_is_broken_plain_http_is_not_even_tried(
    place: Place, plain_http: PlainHttp, client: str
) -> None:
    hosts = [SHORT_HOST] if client == CRANE_OF_KNATIVE else [SHORT_HOST, HOST]

    assert [place.get(client, host) for host in hosts] == [""] * len(hosts)
    place.serve_by_another_ca()
    assert all("unknown authority" in place.get(client, host) for host in hosts)
    place.serve_nothing()
    assert all("connection refused" in place.get(client, host) for host in hosts)
    assert plain_http.visits == 0


def test_an_old_library_takes_local_for_a_name_that_needs_no_tls(
    place: Place, plain_http: PlainHttp
) -> None:
    image = f"{HOST}/app/demo:v1"
    place.serve_by_another_ca()

    assert place.crane(CRANE_OF_KNATIVE, "digest", image) == ""
    assert plain_http.visits > 0

    plain_http.close()
    assert "unknown authority" in place.crane(CRANE_OF_KNATIVE, "digest", image)


def test_so_the_service_of_the_registry_has_one_port_and_that_is_not_80() -> None:
    assert [port["port"] for port in only(build(), "Service")["spec"]["ports"]] == [443]


def test_who_asks_for_plain_http_would_have_had_it(place: Place, plain_http: PlainHttp) -> None:
    place.serve_nothing()
    assert place.crane(CRANE, "digest", "--insecure", f"{SHORT_HOST}/app/demo:v1") == ""
    assert plain_http.visits > 0
