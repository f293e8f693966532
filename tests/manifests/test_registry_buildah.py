"""The deployed registry and the library of CRI-O, Podman and Buildah, by a real Buildah.

It asks first whether a password is needed, is told so, and still reads without one.
"""

from subprocess import CompletedProcess

import pytest

from tests.ground import programs
from tests.ground.image_builder import furnish
from tests.manifests.registry_pod import PORT
from tests.manifests.registry_scene import ADDRESS, PASSWORD, REPOSITORY, USER, RegistryScene
from tests.missing_programs import found_or_skipped

pytestmark = pytest.mark.realcluster

IMAGE = f"{ADDRESS}:{PORT}/{REPOSITORY}"


class Buildah:
    """On the node, with a store in a directory of its own."""

    def __init__(self, scene: RegistryScene) -> None:
        place = scene.node.root / "run/buildah"
        place.mkdir()
        (place / "certificates").mkdir()
        (place / "certificates/ca.crt").write_text(scene.authority.pem)
        self._node = scene.node
        self._certificates = place / "certificates"
        self._program = furnish(place, emulated=False)

    def __call__(self, command: str, *arguments: str) -> CompletedProcess[str]:
        flag = f"--cert-dir={self._certificates}"
        return self._node.run([self._program, command, flag, *arguments])


@pytest.fixture
def buildah(scene: RegistryScene) -> Buildah:
    found_or_skipped("deploy/registry with Buildah", programs.buildah)
    return Buildah(scene)


def test_it_pulls_without_a_password_and_pushes_with_one_only(buildah: Buildah) -> None:
    pulled = buildah("pull", f"docker://{IMAGE}:v1")
    assert pulled.returncode == 0, pulled.stderr

    refused = buildah("push", f"{IMAGE}:v1", f"docker://{IMAGE}:v2")
    assert refused.returncode != 0
    assert "authentication required" in refused.stderr

    right = f"--creds={USER}:{PASSWORD}"
    pushed = buildah("push", right, f"{IMAGE}:v1", f"docker://{IMAGE}:v2")
    assert pushed.returncode == 0, pushed.stderr
