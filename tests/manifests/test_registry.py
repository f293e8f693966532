"""The deployed registry, run for real: who may do what, certificates that change, its memory."""

import base64
import json
from threading import Event

import pytest

from tests.ground import programs
from tests.ground.hesitation import slow_to_open
from tests.manifests.kustomizations import build, containers, only
from tests.manifests.registry_pod import REGISTRY
from tests.manifests.registry_scene import PASSWORD, REPOSITORY, USER, RegistryScene
from tests.realnode.pull_loop import pulling

pytestmark = pytest.mark.realcluster

SWITCHES, GREETINGS = 50, 300
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"
MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"
BLOB = f"/v2/{REPOSITORY}/blobs/sha256:{'0' * 64}"
WRITES = [
    ("POST", UPLOADS),
    ("POST", f"{UPLOADS}?mount=sha256:{'0' * 64}&from=other"),
    ("PUT", f"{UPLOADS}11111111-1111-1111-1111-111111111111?digest=sha256:{'0' * 64}"),
    ("PATCH", f"{UPLOADS}11111111-1111-1111-1111-111111111111"),
    ("PUT", MANIFEST),
    ("PUT", f"/{MANIFEST}"),
    ("PUT", f"/v2/x/../{REPOSITORY}/manifests/v1"),
    ("PUT", MANIFEST.replace("/v2/", "/%76%32/")),
    ("DELETE", MANIFEST),
    ("DELETE", BLOB),
    ("DELETE", f"{UPLOADS}11111111-1111-1111-1111-111111111111"),
]


def test_what_is_run_here_is_what_is_deployed() -> None:
    """Or as new: older than 1.27.4, nginx reads a certificate and key that do not fit only once."""
    images = {one["name"]: one["image"] for one in containers(only(build(REGISTRY), "Deployment"))}
    tags = {name: image.partition(":")[2] for name, image in images.items()}
    assert tags["registry"] == programs.distribution().version
    assert (1, 28) <= numbers(tags["front"]) <= numbers(programs.front().version)


def numbers(version: str) -> tuple[int, int]:
    """Major and minor."""
    major, minor, *_ = version.split(".")
    return int(major), int(minor)


def digest(scene: RegistryScene) -> str:
    """Of the image under the tag."""
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    ((status, headers),) = scene.ask(("HEAD", MANIFEST), headers=accept)
    assert status == 200
    return headers["Docker-Content-Digest"]


def basic(password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{USER}:{password}'.encode()).decode()}"}


def test_a_node_pulls_without_a_secret(scene: RegistryScene) -> None:
    pull = scene.pull()
    assert pull.ok, pull.error + scene.pod.logs


@pytest.mark.parametrize("password", [None, "wrong"])
def test_nobody_pushes_without_the_password(scene: RegistryScene, password: str | None) -> None:
    before = digest(scene)
    pushed = scene.push(scene.layout("v2"), password=password)
    assert pushed.returncode == 1
    assert "401" in pushed.stderr
    headers = basic(password) if password else {}
    assert {status for status, _ in scene.ask(*WRITES, headers=headers)} == {401}
    assert digest(scene) == before


def test_a_builder_pushes_over_what_is_there(scene: RegistryScene) -> None:
    before = digest(scene)
    assert scene.push(scene.layout("v2")).returncode == 0
    assert digest(scene) != before


def test_nobody_deletes(scene: RegistryScene) -> None:
    deletes = [write for write in WRITES if write[0] == "DELETE" and "uploads" not in write[1]]
    statuses = [status for status, _ in scene.ask(*deletes, headers=basic(PASSWORD))]
    assert statuses == [405] * len(deletes)


def test_builders_are_told_to_bring_a_password(scene: RegistryScene) -> None:
    ((status, headers),) = scene.ask(("GET", "/v2/"))
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic ")
    ((status, _),) = scene.ask(("GET", "/v2/"), headers=basic(PASSWORD))
    assert status == 200


def test_the_kubelet_finds_it_ready_and_others_find_nothing_more(scene: RegistryScene) -> None:
    paths = ["/", "/debug/vars", "/metrics", "/v2/_catalog"]
    assert [status for status, _ in scene.ask(*(("GET", path) for path in paths))] == [
        *(200, 404, 404, 401)
    ]


def test_layers_are_sent_whole_in_part_or_not_at_all_and_never_from_elsewhere(
    scene: RegistryScene,
) -> None:
    layer = f"/v2/{REPOSITORY}/blobs/{scene.layers('v1')[0]}"
    absent = f"/v2/{REPOSITORY}/blobs/sha256:{'0' * 64}"
    elsewhere = layer.replace(REPOSITORY, "app/other")
    asked = [("GET", layer), ("HEAD", layer), ("GET", absent), ("HEAD", absent), ("GET", elsewhere)]
    answers = scene.ask(*asked)
    assert [status for status, _ in answers] == [200, 200, 404, 404, 404]
    assert answers[0][1]["Content-Length"] == answers[1][1]["Content-Length"]
    ((status, headers),) = scene.ask(("GET", layer), headers={"Range": "bytes=0-9"})
    assert (status, headers["Content-Length"]) == (206, "10")


def test_no_pull_fails_while_the_certificate_is_switched(scene: RegistryScene) -> None:
    with pulling(scene) as pulls:
        for _ in range(SWITCHES):
            scene.switch_certificate()
            pulls.wait_for_more()
    assert pulls.errors == []
    assert len(pulls.done) >= SWITCHES
    assert "[error]" not in scene.pod.logs


def test_no_greeting_fails_between_a_certificate_and_its_key(scene: RegistryScene) -> None:
    workers = scene.pod.processes("front")[1:]
    with slow_to_open(*workers, seconds=0.005), scene.greet(GREETINGS) as process:
        while process.poll() is None:
            scene.switch_certificate()
            Event().wait(0.2)
        said, _ = process.communicate()
    assert json.loads(said) == []


def test_a_secret_without_the_password_file_lets_nobody_push(scene: RegistryScene) -> None:
    scene.pod.write_secret("push", {})
    statuses = {status for status, _ in scene.ask(*WRITES, headers=basic(PASSWORD))}
    assert statuses == {403}
    assert scene.pull().ok
