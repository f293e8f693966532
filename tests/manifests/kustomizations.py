"""The kustomizations of `deploy/`, built by kubectl itself."""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.ground import programs
from tests.ground.machine import Machine

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
Object = dict[str, Any]


@cache
def build(directory: Path = DEPLOY) -> tuple[Object, ...]:
    """Every object of a kustomization."""
    kubectl = programs.kubernetes("kubectl")
    with Machine() as machine:
        done = machine.run([str(kubectl.executable), "kustomize", str(directory)])
    assert done.returncode == 0, done.stderr
    return tuple(document for document in yaml.safe_load_all(done.stdout) if document)


def kustomizations() -> list[Path]:
    """Every directory below `deploy/` that can be applied as it is.

    Components cannot, and own-certificate only when its `make` has run.
    """
    files = sorted(DEPLOY.rglob("kustomization.yaml"))
    texts = {file.parent.relative_to(ROOT): file.read_text() for file in files}
    return [
        path
        for path, text in texts.items()
        if "kind: Component" not in text and path.name != "own-certificate"
    ]


def components() -> list[str]:
    """The names of those directories below `deploy/components`."""
    return sorted(file.parent.name for file in DEPLOY.glob("components/*/kustomization.yaml"))


def overlay(directory: Path, *chosen: str, resources: Iterable[Path] = (DEPLOY,)) -> Path:
    """A kustomization in an empty directory: `deploy/`, or less of it, with these components."""
    content = {
        "resources": [os.path.relpath(resource, directory) for resource in resources],
        "components": [os.path.relpath(DEPLOY / "components" / c, directory) for c in chosen],
    }
    (directory / "kustomization.yaml").write_text(yaml.dump(content))
    return directory


def only(objects: Iterable[Object], kind: str, name: str = "") -> Object:
    """The one object of that kind, and of that name if there are several."""
    (found,) = (
        thing
        for thing in objects
        if thing["kind"] == kind and name in {"", thing["metadata"]["name"]}
    )
    return found


def containers(thing: Object) -> list[Mapping[str, Any]]:
    """Those of a workload's pod template."""
    found: list[Mapping[str, Any]] = thing["spec"]["template"]["spec"]["containers"]
    return found
