"""A node with a real Docker and a registry that serves one image; its files are written by hand."""

from dataclasses import dataclass

from tests.ground.certificates import Authority
from tests.ground.docker import CERTS_D, Docker
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import ADDRESS, HOST, IMAGE

HOSTS_FILE = f"""\
server = "https://{ADDRESS}"
capabilities = ["pull", "resolve"]
ca = "ca.crt"

[host]
"""


@dataclass(frozen=True, kw_only=True)
class DockerGround:
    """Docker runs and the registry serves; nothing is written yet."""

    node: Node
    docker: Docker
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

    def error(self, image: str = IMAGE) -> str:
        """What Docker says when its pull fails."""
        return self.docker.pull(image).error
