"""The registry of `deploy/`, as its own users set it up on a cluster, and a builder that pushes."""

import base64
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.ground import images, large_images, loading, programs
from tests.ground.cluster import Cluster
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.manifests.kustomizations import DEPLOY, build, containers, only
from tests.realcluster.scene import SERVICE
from tests.realnode.scene import HOST

_VOLUME = "var/lib/registry-images"
_USER = 65532


class DeployedRegistry:
    """What it needs from a cluster is there: its two images, and a volume."""

    def __init__(self, *, cluster: Cluster) -> None:
        self._cluster = cluster
        self._directory = cluster.control_plane.directory / "own-certificate"
        trees = {"front": programs.front(), "registry": programs.distribution()}
        for container in containers(only(build(DEPLOY / "registry"), "Deployment")):
            image = images.tree_image(trees[container["name"]].files)
            loading.load_image(image, name=container["image"], node=cluster.node)
        folder = cluster.node.root / _VOLUME
        folder.mkdir()
        shutil.chown(folder, _USER, _USER)
        cluster.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": "registry-images"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "capacity": {"storage": "50Gi"},
                    "hostPath": {"path": f"/{_VOLUME}"},
                },
            }
        )

    @property
    def address(self) -> str:
        """The ClusterIP of its Service."""
        found = self._cluster.kubectl.get(*SERVICE)
        return str(found["spec"]["clusterIP"])

    def make_certificate(self) -> None:
        """CA, certificate and push password, by examples/own-certificate."""
        if not self._directory.exists():
            shutil.copytree(DEPLOY / "examples/own-certificate", self._directory)
        done = subprocess.run(  # noqa: S603 - our own script
            [str(self._directory / "make"), self.address],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NodeTroubleError(f"{done.stdout}{done.stderr}")
        self._cluster.kubectl("apply", "--server-side", f"--kustomize={self._directory}")

    def wait_until_ready(self) -> None:
        """Return when its pod is, and kube-proxy knows it."""
        pods = ("deployment/registry", "--namespace=registry")
        self._cluster.kubectl("rollout", "status", *pods, "--timeout=120s", timeout=130)
        wait_until(self._listens, what=f"the registry listens at {self.address}")

    def push(self, repository: str) -> None:
        """Push an image that runs, as a builder with the password."""
        made = self._directory / "made"
        password = (made / "push-password").read_text().strip()
        auths = {HOST: {"username": "builder", "password": password}}
        self._push(
            repository, ca=(made / "ca.crt").read_text(), config=json.dumps({"auths": auths})
        )

    def push_from(self, namespace: str, repository: str, *, large_mib: int = 0) -> None:
        """Push an image that runs, as a pod there may: by what the trust controller put there.

        With another layer of that size, where one is given.
        """
        bundle = self._cluster.kubectl.get("configmap/registry-trust", f"--namespace={namespace}")
        secret = self._cluster.kubectl.get("secret/registry-push", f"--namespace={namespace}")
        config = base64.b64decode(secret["data"][".dockerconfigjson"]).decode()
        self._push(repository, ca=bundle["data"]["ca.crt"], config=config, large_mib=large_mib)

    def _push(self, repository: str, *, ca: str, config: str, large_mib: int = 0) -> None:
        """By the cluster hostname, which a pod's resolver knows and the node's does not."""
        home = self._cluster.control_plane.directory / "builder"
        home.mkdir(exist_ok=True)
        (home / "config.json").write_text(config)
        (home / "ca.crt").write_text(ca)
        (home / "hosts").write_text(f"{self.address} {HOST}\n")
        layout = self._layout(home)
        if large_mib:
            large_images.add_layer(layout, mib=large_mib)
        crane = [str(programs.crane().executable), "push", str(layout)]
        done = self._cluster.node.run(
            [
                *("unshare", "--mount", "bash", "-c"),
                'mount --bind "$0" /etc/hosts && exec "$@"',
                *(str(home / "hosts"), *crane, f"{HOST}/{repository}:v1"),
            ],
            env={"DOCKER_CONFIG": str(home), "SSL_CERT_FILE": str(home / "ca.crt")},
            timeout=60 + large_mib,
        )
        shutil.rmtree(layout)
        if done.returncode:
            raise NodeTroubleError(f"crane push: {done.stderr}")

    def _listens(self) -> bool:
        connect = ["bash", "-c", f": <>/dev/tcp/{self.address}/443"]
        return self._cluster.node.run(connect).returncode == 0

    def _layout(self, home: Path) -> Path:
        archive = home / "image.tar"
        images.save(loading.sleeper(), archive, name="any")
        with tarfile.open(archive) as tar:
            tar.extractall(home / "image", filter="data")
        return home / "image"
