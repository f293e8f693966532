"""podman, skopeo and buildah on a node: they read the same files as CRI-O, at every start anew."""

import shutil
from collections.abc import Mapping
from subprocess import CompletedProcess

from tests.ground import programs
from tests.ground.crio import POLICY
from tests.ground.daemon import seen_on_node
from tests.ground.namespaces import PATH
from tests.ground.node import Node
from tests.ground.programs import Program

NAMES = ("podman", "skopeo", "buildah")
_STORE = "var/tmp/image-tools"


def tools() -> tuple[Program, ...]:
    """What a node must have for them; podman looks for what runs containers before it pulls."""
    return (programs.image_tools(), programs.conmon(), programs.runc())


class ImageTools:
    """The three of them on one node that was made with `tools`, none with a store that lasts."""

    def __init__(self, node: Node) -> None:
        self._node = node
        podman, conmon, runc = tools()
        self._folder = _folder(podman)
        libraries = [
            seen_on_node(made, library) for made in (podman, conmon) for library in made.libraries
        ]
        self._environment = {
            "PATH": ":".join([_folder(conmon), _folder(runc), PATH]),
            "LD_LIBRARY_PATH": ":".join(libraries),
        }
        node.write("etc/containers/policy.json", POLICY)

    def pull(self, name: str, image: str) -> str:
        """What that program says when its pull of an image fails; empty when it has it."""
        shutil.rmtree(self._node.root / _STORE, ignore_errors=True)
        (self._node.root / _STORE).mkdir(parents=True)
        done = self.run(name, *_arguments(name, image))
        return done.stderr.strip() if done.returncode else ""

    def version(self, name: str) -> str:
        """What that program says of its version."""
        return self.run(name, "--version").stdout

    def run(
        self, name: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> CompletedProcess[str]:
        """Run that program on the node, with the node's own files."""
        command = [f"{self._folder}/{name}", *arguments]
        return self._node.run(command, env={**self._environment, **(env or {})}, chroot=True)


def _folder(program: Program) -> str:
    return seen_on_node(program, program.executable.parent)


def _arguments(name: str, image: str) -> list[str]:
    """A pull that leaves out what the machine's kernel or its file systems could refuse."""
    if name == "skopeo":
        return ["copy", "--quiet", f"docker://{image}", f"dir:/{_STORE}/image"]
    store = [f"--root=/{_STORE}/root", f"--runroot=/{_STORE}/run", "--storage-driver=vfs"]
    return [*store, "pull", "--quiet", image]
