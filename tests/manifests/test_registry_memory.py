"""The deployed registry keeps within 200 MiB, however much comes in and goes out."""

import json
from pathlib import Path

import pytest

from tests.ground import large_images
from tests.manifests.registry_scene import REPOSITORY, RegistryScene

pytestmark = pytest.mark.realcluster

LAYER_MIB = 256
PUSHES = 4
DOWNLOADS = 500


def test_large_layers_stay_within_its_memory(scene: RegistryScene) -> None:
    layouts = [large_layout(scene, number) for number in range(PUSHES)]
    pushes = [scene.start_push(layout, tag=f"large-{n}") for n, layout in enumerate(layouts)]
    for push in pushes:
        _, said = push.communicate(timeout=600)
        assert push.returncode == 0, said + scene.pod.logs
    assert_within_memory(scene)


def test_a_slow_fleet_stays_within_its_memory(scene: RegistryScene) -> None:
    """Each download that distribution itself sends takes 2 to 4 MiB of it."""
    layout = large_layout(scene, 0)
    assert scene.push(layout).returncode == 0
    (layer,) = (
        digest for digest, size in layers(layout).items() if size >= LAYER_MIB * 1024 * 1024
    )
    path = f"/v2/{REPOSITORY}/blobs/{layer}"
    with scene.stalled(path, DOWNLOADS):
        assert_within_memory(scene)


def assert_within_memory(scene: RegistryScene) -> None:
    taken = {name: scene.pod.memory_mib(name) for name in ("front", "registry")}
    limits = {name: scene.pod.limit_mib(name) for name in taken}
    assert sum(limits.values()) <= 200
    assert all(taken[name] < limits[name] for name in taken), taken


def layers(layout: Path) -> dict[str, int]:
    """Size of each layer by its digest."""
    (index,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads((layout / "blobs" / index["digest"].replace(":", "/")).read_text())
    return {layer["digest"]: layer["size"] for layer in manifest["layers"]}


def large_layout(scene: RegistryScene, number: int) -> Path:
    """The layout of an image with one layer that nothing can compress."""
    layout = scene.layout(f"large-{number}")
    large_images.add_layer(layout, mib=LAYER_MIB)
    return layout
