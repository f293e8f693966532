"""examples/own-certificate: what it makes is what the registry, nodes and builders need."""

import shutil
import subprocess
from pathlib import Path

import pytest

from agent.cluster.api import Api
from tests.manifests.cluster import Cluster
from tests.manifests.kustomizations import DEPLOY, build, only
from tests.manifests.registry_scene import ADDRESS, USER, RegistryScene
from tests.manifests.test_rights import BUNDLES, THE_BUNDLE

pytestmark = pytest.mark.realcluster

EXAMPLE = DEPLOY / "examples/own-certificate"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of it, in which `make` has not run."""
    kept = shutil.ignore_patterns("made")
    return shutil.copytree(EXAMPLE, tmp_path / "own-certificate", ignore=kept)


def make(example: Path, *addresses: str) -> subprocess.CompletedProcess[str]:
    command = [str(example / "make"), *addresses]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def made(example: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in (example / "made").iterdir()}


def test_the_registry_serves_with_it_nodes_pull_and_builders_push(
    scene: RegistryScene, example: Path
) -> None:
    assert make(example, ADDRESS).returncode == 0
    files = made(example)

    scene.pod.write_secret("certificate", {name: files[name] for name in ("tls.crt", "tls.key")})
    scene.pod.write_secret("push", {"htpasswd": files["htpasswd"]})
    scene.ca_file.write_text(files["ca.crt"])

    pull = scene.pull()
    assert pull.ok, pull.error
    assert files["htpasswd"].startswith(f"{USER}:")
    assert scene.push(scene.layout("v2"), password=files["push-password"].strip()).returncode == 0


def test_agents_may_read_the_bundle_once_it_is_applied(
    cluster: Cluster, agent: Api, example: Path
) -> None:
    service = cluster.kubectl.get("service", "knative", "--namespace=registry")
    assert make(example, *service["spec"]["clusterIPs"]).returncode == 0
    cluster.kubectl("apply", "--server-side", f"--kustomize={example}")
    (bundle,) = agent.get(BUNDLES, THE_BUNDLE)["items"]
    assert bundle["data"] == {"ca.crt": made(example)["ca.crt"]}


def test_the_key_of_the_ca_is_not_for_the_cluster(example: Path) -> None:
    make(example, ADDRESS)
    objects = build(example)
    assert sorted(thing["metadata"]["name"] for thing in objects) == [
        *("registry-push", "registry-tls", "registry-trust")
    ]
    assert set(only(objects, "Secret", "registry-tls")["data"]) == {"tls.crt", "tls.key"}
    assert set(only(objects, "Secret", "registry-push")["data"]) == {"htpasswd"}
    assert set(only(objects, "ConfigMap")["data"]) == {"ca.crt"}


def test_made_again_it_keeps_the_ca_and_the_password(example: Path) -> None:
    make(example, ADDRESS)
    first = made(example)
    make(example, ADDRESS, "fd00::50")
    second = made(example)
    assert {name for name in first if first[name] != second[name]} == {"tls.crt", "tls.key"}


def test_nobody_else_on_the_machine_reads_what_is_secret(example: Path) -> None:
    make(example, ADDRESS)
    assert {file.stat().st_mode & 0o077 for file in (example / "made").iterdir()} == {0}


@pytest.mark.parametrize(("addresses", "status"), [([], 2), (["no-address"], 1)])
def test_it_leaves_nothing_half_made(example: Path, addresses: list[str], status: int) -> None:
    make(example, ADDRESS)
    before = made(example)
    assert make(example, *addresses).returncode == status
    assert made(example) == before
