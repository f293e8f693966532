"""A node with a real Docker and a registry that serves one image; its files are written by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from tests.ground import docker, programs
from tests.ground.certificates import Authority
from tests.ground.cri_dockerd import CriDockerd
from tests.ground.docker import CERTS_D, Docker
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.missing_programs import found_or_skipped
from tests.realnode.scene import ADDRESS, HOST, IMAGE

BY_NAME = f"lookup {HOST}"
HOSTS_FILE = f"""\
server = "https://{ADDRESS}"
capabilities = ["pull", "resolve"]
ca = "ca.crt"

[host]
"""


@dataclass(frozen=True, kw_only=True)
class DockerGround:
    """Docker runs and the registry serves; cri-dockerd is not started, and nothing written yet."""

    node: Node
    docker: Docker
    cri_dockerd: CriDockerd
    registry: Registry
    authority: Authority

    def serve(self) -> None:
        """Serve the image, with a good certificate of the CA."""
        certificate = self.authority.issue(dns=[HOST], ips=[ADDRESS])
        self.registry.open_front("main", address=ADDRESS, port=443, certificate=certificate)

    def trust(self, authority: Authority | None = None, *, host: str = HOST) -> None:
        """Write the CA, or another, as what vouches for a host."""
        self.node.write(f"{CERTS_D}/{host}/ca.crt", (authority or self.authority).pem)

    def name(self, *, host: str = HOST) -> None:
        """Write where a host's images are pulled from."""
        self.node.write(f"{CERTS_D}/{host}/hosts.toml", HOSTS_FILE)

    def let_the_name_resolve(self) -> None:
        """Write it into the node's /etc/hosts; Docker looks there every few seconds."""
        self.node.write("etc/hosts", f"127.0.0.1 localhost\n{ADDRESS} {HOST}\n")
        wait_until(lambda: BY_NAME not in self.error(), what="Docker has read the node's hosts")

    def error(self, image: str = IMAGE) -> str:
        """What Docker says when its pull fails."""
        return self.docker.pull(image).error


@contextmanager
def running_docker(version: str, *arguments: str) -> Iterator[DockerGround]:
    """The ground for a Docker of that version, started with these arguments."""
    containerd = found_or_skipped("containerd 2.1", partial(programs.containerd, "2.1"))
    tools = found_or_skipped(f"Docker {version}", partial(docker.tools, version))
    beside = found_or_skipped("cri-dockerd", programs.cri_dockerd)
    with (
        Node(containerd=containerd, tools=[*tools, beside]) as node,
        Registry(node=node) as registry,
        Docker(node, version) as runtime,
        CriDockerd(node) as cri_dockerd,
    ):
        registry.push("app/demo")
        authority = Authority.create(name="first CA")
        made = DockerGround(
            node=node,
            docker=runtime,
            cri_dockerd=cri_dockerd,
            registry=registry,
            authority=authority,
        )
        made.serve()
        node.start_containerd()
        runtime.start(*arguments)
        yield made
