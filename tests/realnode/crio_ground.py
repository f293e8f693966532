"""A node with a real CRI-O and a registry that serves one image; its files are written by hand."""

from dataclasses import dataclass
from pathlib import Path

from tests.ground.certificates import Authority
from tests.ground.crio import CERTIFICATES, DROP_INS, Crio
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import ADDRESS, HOST, IMAGE

OURS = f"{DROP_INS}/50-ours.conf"


def entry(prefix: str = HOST, *, location: str = f"{ADDRESS}:443") -> str:
    """What sends the pulls of a prefix to another place."""
    return f'[[registry]]\nprefix = "{prefix}"\nlocation = "{location}"\n'


@dataclass(frozen=True, kw_only=True)
class CrioGround:
    """Nothing is written and CRI-O is not started yet."""

    node: Node
    crio: Crio
    registry: Registry
    authority: Authority
    version: str

    def serve(self, address: str = ADDRESS) -> None:
        """Serve the image there, with a good certificate of the CA."""
        certificate = self.authority.issue(dns=[HOST], ips=[address])
        self.registry.open_front(address, address=address, port=443, certificate=certificate)

    def trust(self, authority: Authority | None = None) -> None:
        """Let CRI-O trust the CA, or another, for the registry's address."""
        self.node.write(f"{CERTIFICATES}/{ADDRESS}:443/ca.crt", (authority or self.authority).pem)

    def write(self, path: str, text: str) -> Path:
        return self.node.write(path, text)

    def error(self, image: str = IMAGE) -> str:
        """What CRI-O says when its pull fails."""
        return self.crio.pull(image).error
