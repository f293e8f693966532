"""A builder in a pod: it pushes by the cluster hostname, and trusts what is published, alone.

Bundle and password are in its namespace, as the labels of that ask for them, and are mounted as in
`deploy/examples`. The names that cluster DNS would know stand in its own /etc/hosts.
"""

import base64
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic

from tests.ground import images, programs
from tests.ground.closing import Closing
from tests.ground.node import Node
from tests.ground.programs import Program
from tests.ground.volumes import Source, Volume
from tests.rotation.hub import Hub

NAMESPACE = "builds"
_LABELS = {f"registry-node-agent.internal/{what}": "true" for what in ("trust", "push")}
_TAGS_KEPT = 50  # then a tag is pushed over, so that a long run does not fill the disk


@dataclass(frozen=True, kw_only=True)
class Push:
    """How one push ended: the builder's own words if it failed, and how long it took."""

    ok: bool
    error: str
    seconds: float


class Builder(Closing):
    """It, in a network of its own; what it mounts is renewed for as long as it is open."""

    def __init__(
        self,
        *,
        hub: Hub,
        containerd: str = "2.1",
        name: str = "builder",
        tools: Sequence[Program] = (),
    ) -> None:
        """Make it and its namespace, with these tools.

        The containerd is none that runs: every node has one.
        """
        self._numbers = count(1)
        metadata = {"name": NAMESPACE, "labels": _LABELS}
        hub.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        with ExitStack() as undo:
            self.node = undo.enter_context(
                Node(containerd=programs.containerd(containerd), name=name, tools=tools)
            )
            hub.wires.join(self.node)
            self._place = self.node.root / "run/builder"
            self._bundle, self._home = (Volume(self._place / name) for name in ("ca", "home"))
            self.volumes = (
                hub.follow(
                    Source(kind="configmaps", namespace="registry-trust", name="registry-trust"),
                    bring=self._bundle.write,
                ),
                hub.follow(
                    Source(kind="secrets", namespace=NAMESPACE, name="registry-push"),
                    bring=self._bring_password,
                ),
            )
            self._open = undo.pop_all()

    def close(self) -> None:
        self._open.close()

    @property
    def trust(self) -> Path:
        """The directory that the bundle is mounted at."""
        return self._bundle.folder

    @property
    def push_secret(self) -> Path:
        """The directory that the push Secret is mounted at, with its key as `config.json`."""
        return self._home.folder

    @contextmanager
    def trusting(self, pem: str) -> Iterator[None]:
        """For as long as this lasts, another bundle is mounted."""
        before = {"ca.crt": (self.trust / "ca.crt").read_text()}
        self._bundle.write({"ca.crt": pem})
        yield
        self._bundle.write(before)

    @contextmanager
    def knowing(self, pair: str, *, host: str) -> Iterator[None]:
        """For as long as this lasts, another password is mounted."""
        before = {"config.json": (self.push_secret / "config.json").read_text()}
        entry = {"auth": base64.b64encode(pair.encode()).decode()}
        self._home.write({"config.json": json.dumps({"auths": {host: entry}})})
        yield
        self._home.write(before)

    def resolve(self, *hosts: str, address: str) -> None:
        """Let cluster DNS say that of these names."""
        self.node.write("etc/hosts", f"127.0.0.1 localhost\n{address} {' '.join(hosts)}\n")

    def push(self, repository: str) -> Push:
        """Push an image that nobody has pushed before."""
        number = next(self._numbers)
        return self.push_text(f"build {number}\n", f"{repository}:build-{number % _TAGS_KEPT}")

    def push_text(self, text: str, image: str) -> Push:
        """Push an image that holds a text."""
        layout = self._layout(text)
        began = monotonic()
        done = self.node.run(
            [str(programs.crane().executable), "push", str(layout), image],
            env={
                "DOCKER_CONFIG": str(self._home.folder),
                "SSL_CERT_FILE": str(self._bundle.folder / "ca.crt"),
                "SSL_CERT_DIR": str(self._place),  # in place of the machine's own CAs: none
            },
        )
        seconds = monotonic() - began
        error = done.stderr.strip() if done.returncode else ""
        return Push(ok=done.returncode == 0, error=error, seconds=seconds)

    def wait_until_ready(self) -> None:
        """Return when what it mounts is there."""
        for volume in self.volumes:
            volume.wait_until_there()

    def _bring_password(self, content: Mapping[str, str]) -> None:
        """As a pod mounts a Secret of that type: crane looks for another name."""
        self._home.write({"config.json": content[".dockerconfigjson"]})

    def _layout(self, text: str) -> Path:
        archive, layout = self._place / "image.tar", self._place / "image"
        images.save(images.text_image(text), archive, name="any")
        with tarfile.open(archive) as tar:
            tar.extractall(layout, filter="data")
        return layout
