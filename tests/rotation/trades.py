"""Real builders, each set up as its file in `deploy/examples/builders` says.

They are pods' programs: what is mounted there is linked to its place here.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.ground import programs
from tests.ground.image_tools import ImageTools
from tests.ground.namespaces import PATH
from tests.realnode.scene import HOST
from tests.rotation.builder import Builder

_STORE = ("--root=/var/tmp/root", "--runroot=/var/tmp/run", "--storage-driver=vfs")
_GO = "/usr/local/go/bin"
_PROGRAM = 'package main\n\nfunc main() { println("hello") }\n'


class Trades:
    """What each of them does on one builder. Every method returns what is said of a failure."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._node = builder.node
        self._tools = ImageTools(builder.node)
        self._trust_by_directory()

    def skopeo(self, image: str) -> str:
        """Copy an image there, and back."""
        place = self._fresh("var/tmp/copied")
        there = ["copy", "--quiet", f"docker://{HOST}/app/demo:v1", f"docker://{image}"]
        back = ["copy", "--quiet", f"docker://{image}", f"dir:/{place}"]
        return self._tool("skopeo", *there) or self._tool("skopeo", *back)

    def buildah(self, image: str) -> str:
        """Make an image of nothing, push it, and pull it."""
        self._tool("buildah", *_STORE, "rm", "--all")
        return (
            self._tool("buildah", *_STORE, "from", "--name=made", "scratch")
            or self._tool("buildah", *_STORE, "commit", "--quiet", "made", image)
            or self._tool("buildah", *_STORE, "push", "--quiet", image)
            or self._tool("buildah", *_STORE, "pull", "--quiet", image)
        )

    def podman(self, image: str) -> str:
        """Pull an image, name it anew, and push it."""
        demo = f"{HOST}/app/demo:v1"
        return (
            self._tool("podman", *_STORE, "pull", "--quiet", demo)
            or self._tool("podman", *_STORE, "tag", demo, image)
            or self._tool("podman", *_STORE, "push", "--quiet", image)
        )

    def ko(self, image: str) -> str:
        """Build a Go program on an image of the registry, and push it."""
        source = self._fresh("run/source")
        (self._node.root / source / "main.go").write_text(_PROGRAM)
        (self._node.root / source / "go.mod").write_text("module example\n")
        return self._go(
            programs.ko().executable,
            *("build", "--bare", "--tags=v1", "--sbom=none", "--platform=linux/amd64", "."),
            cwd=self._node.root / source,
            environment={
                "KO_DOCKER_REPO": image.partition(":")[0],
                "KO_DEFAULTBASEIMAGE": f"{HOST}/app/demo:v1",
                "PATH": f"{_GO}:{PATH}",
                "GOCACHE": str(self._node.root / "var/tmp/go-build"),
                "GOFLAGS": "-mod=mod",
                "HOME": str(self._node.root / "var/tmp"),
            },
        )

    def crane(self, image: str) -> str:
        """Copy an image there, and resolve its tag, as Knative's controller does."""
        crane = programs.crane().executable
        return self._go(crane, "copy", f"{HOST}/app/demo:v1", image) or self._go(
            crane, "digest", image
        )

    def kaniko(self, image: str) -> str:
        """Build a Dockerfile and push; in a root of its own, which is what it takes apart."""
        root = self._node.root / self._fresh("run/kaniko")
        executor = root / "kaniko/executor"
        for place in ("kaniko/ssl/certs", "context", "etc", "proc", "tmp"):
            (root / place).mkdir(parents=True)
        shutil.copy(programs.kaniko().executable, executor)
        shutil.copy(self._builder.trust / "ca.crt", root / "kaniko/ssl/certs/registry-trust.crt")
        shutil.copytree(self._builder.push_secret, root / "kaniko/.docker")
        shutil.copy(self._node.root / "etc/hosts", root / "etc/hosts")
        (root / "context/Dockerfile").write_text("FROM scratch\nCOPY hello /hello\n")
        (root / "context/hello").write_text("hello\n")
        environment = {
            "SSL_CERT_DIR": "/kaniko/ssl/certs",
            "DOCKER_CONFIG": "/kaniko/.docker",
            "HOME": "/root",
            "USER": "root",
            "PATH": "/kaniko",
        }
        done = self._node.run(
            [
                *("unshare", "--mount", "bash", "-c"),
                'mount -t proc proc "$0/proc" && exec /usr/sbin/chroot "$0" "$@"',
                *(str(root), "/kaniko/executor", "--force", "--context=dir:///context"),
                f"--destination={image}",
            ],
            env=environment | {"PATH": PATH},
        )
        return done.stderr.strip() or "it failed" if done.returncode else ""

    @property
    def all(self) -> Mapping[str, Callable[[str], str]]:
        """Each by its name."""
        return {
            "skopeo": self.skopeo,
            "buildah": self.buildah,
            "podman": self.podman,
            "ko": self.ko,
            "crane": self.crane,
            "kaniko": self.kaniko,
        }

    def _trust_by_directory(self) -> None:
        """As buildah.yaml mounts it."""
        place = self._node.root / "etc/containers/certs.d"
        place.mkdir(parents=True, exist_ok=True)
        (place / HOST).symlink_to(self._seen(self._builder.trust))

    def _go(
        self,
        program: Path,
        *arguments: str,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """As ko.yaml sets it up."""
        done = self._node.run(
            [str(program), *arguments],
            cwd=cwd,
            env={
                "SSL_CERT_FILE": os.devnull,  # none of the machine's own CAs
                "SSL_CERT_DIR": str(self._builder.trust),
                "DOCKER_CONFIG": str(self._builder.push_secret),
                **(environment or {}),
            },
        )
        return done.stderr.strip() if done.returncode else ""

    def _tool(self, name: str, *arguments: str) -> str:
        """As buildah.yaml sets it up."""
        secret = f"{self._seen(self._builder.push_secret)}/config.json"
        done = self._tools.run(name, *arguments, env={"REGISTRY_AUTH_FILE": secret})
        return done.stderr.strip() or "it failed" if done.returncode else ""

    def _seen(self, path: Path) -> str:
        """How the node calls it."""
        return f"/{path.relative_to(self._node.root)}"

    def _fresh(self, place: str) -> str:
        """An empty directory of the node."""
        shutil.rmtree(self._node.root / place, ignore_errors=True)
        (self._node.root / place).mkdir(parents=True)
        return place
