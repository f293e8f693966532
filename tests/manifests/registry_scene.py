"""A node that pulls from the deployed registry, a builder that pushes to it, and anybody else."""

import json
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, CompletedProcess, run

from tests.ground import images, programs
from tests.ground.certificates import Authority
from tests.ground.cri import Pull
from tests.ground.namespaces import NodeProcess
from tests.ground.node import Node
from tests.manifests import asking, greeting, stalling
from tests.manifests.registry_pod import PORT, RegistryPod

ADDRESS = "10.96.0.50"
HOST = "knative.registry.svc.cluster.local"
REPOSITORY = "app/demo"
IMAGE = f"{HOST}/{REPOSITORY}:v1"
USER, PASSWORD = "builder", "test-only"
_HOSTS_TOML = f"""\
server = "https://{ADDRESS}:{PORT}"
capabilities = ["pull", "resolve"]
ca = "ca.crt"

[host]
"""


class RegistryScene:
    """The node's containerd is set up by hand as the agent would do it."""

    def __init__(self, *, node: Node, pod: RegistryPod) -> None:
        self.node = node
        self.pod = pod
        self.authority = Authority.create(name="registry CA")
        node.add_address(ADDRESS)
        self.switch_certificate()
        pod.write_secret("push", {"htpasswd": f"{USER}:{hashed(PASSWORD)}\n"})
        host = f"etc/containerd/certs.d/{HOST}"
        self.ca_file = node.write(f"{host}/ca.crt", self.authority.pem)
        node.write(f"{host}/hosts.toml", _HOSTS_TOML)

    def switch_certificate(self) -> None:
        """A new certificate with a new key."""
        self.pod.write_certificate(self.authority.issue(dns=[HOST], ips=[ADDRESS]))

    def start(self) -> None:
        """The registry with one image in it, and containerd."""
        self.pod.start()
        pushed = self.push(self.layout("v1"))
        assert pushed.returncode == 0, pushed.stderr + self.pod.logs
        self.node.start_containerd()

    def layout(self, text: str) -> Path:
        """An OCI layout with a small image."""
        archive = self.node.root / f"run/{text}.tar"
        images.save(images.text_image(text), archive, name="any")
        folder = archive.with_suffix("")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        return folder

    def layers(self, text: str) -> list[str]:
        """The digests of that image's layers."""
        return [blob.digest for blob in images.text_image(text).blobs[1:]]

    def push(
        self, layout: Path, *, tag: str = "v1", password: str | None = PASSWORD
    ) -> CompletedProcess[str]:
        """Push as a builder does; without a password, as anybody."""
        with self.start_push(layout, tag=tag, password=password) as process:
            out, err = process.communicate(timeout=120)
        return CompletedProcess([], process.returncode, out, err)

    def start_push(
        self, layout: Path, *, tag: str = "v1", password: str | None = PASSWORD
    ) -> NodeProcess:
        """Begin a push."""
        home = self.node.root / ("root" if password is None else f"run/home-{password}")
        if password is not None:
            entry = {"username": USER, "password": password}
            config = {"auths": {f"{ADDRESS}:{PORT}": entry}}
            if not (home / "config.json").exists():  # or another push may be reading it
                self.node.write(f"run/home-{password}/config.json", json.dumps(config))
        image = f"{ADDRESS}:{PORT}/{REPOSITORY}:{tag}"
        return self.node.popen(
            [str(programs.crane().executable), "push", str(layout), image],
            env={"DOCKER_CONFIG": str(home), "SSL_CERT_FILE": str(self.ca_file)},
            stdout=PIPE,
            stderr=PIPE,
        )

    def ask(
        self, *requests: Sequence[object], headers: Mapping[str, str] | None = None
    ) -> list[tuple[int, dict[str, str]]]:
        """The status and headers of each answer to [method, path]."""
        whole = [[*request, dict(headers or {})] for request in requests]
        place = [f"{ADDRESS}:{PORT}", str(self.ca_file)]
        done = self.node.run([sys.executable, asking.__file__, *place, json.dumps(whole)])
        assert done.returncode == 0, done.stderr + self.pod.logs
        return [(status, names) for status, names in json.loads(done.stdout)]

    def greet(self, count: int) -> NodeProcess:
        """Begin that many TLS handshakes, one after another."""
        place = [ADDRESS, str(PORT), str(self.ca_file)]
        return self.node.popen([sys.executable, greeting.__file__, *place, str(count)], stdout=PIPE)

    @contextmanager
    def stalled(self, path: str, count: int) -> Iterator[None]:
        """That many downloads, begun and left there."""
        place = [ADDRESS, str(PORT), str(self.ca_file), path, str(count)]
        command = [sys.executable, stalling.__file__, *place]
        with self.node.popen(command, stdout=PIPE) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "begun\n"
                yield
            finally:
                process.kill()

    def pull(self, image: str = IMAGE) -> Pull:
        """A pull that cannot be answered from what the node has already."""
        self.node.remove_image(image)
        return self.node.pull(image)


def hashed(password: str) -> str:
    """As in deploy/examples/own-certificate."""
    command = ["openssl", "passwd", "-6", password]
    return run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
