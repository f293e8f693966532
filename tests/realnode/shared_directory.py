"""A node whose directory of per-registry files other tools write into too."""

from collections.abc import Mapping
from pathlib import Path

from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.snapshot import Entry
from tests.realnode.agent_process import LiveAgent
from tests.realnode.scene import CERTS_D, HOSTS, STATE, Scene

THEIRS = "corp.example.org"
_OURS = f"{CERTS_D}/knative.registry.svc"


def shared_scene(node: Node, registry: Registry) -> Scene:
    """All as it should be for the agent, which has not been there, and a file of a person's."""
    made = Scene(node=node, registry=registry)
    made.start()
    node.write(f"{CERTS_D}/{THEIRS}/hosts.toml", f'server = "https://{THEIRS}"\n')
    return made


def certs_d(scene: Scene) -> Path:
    return scene.node.root / CERTS_D


def theirs(scene: Scene) -> Mapping[str, Entry]:
    """Everything on the node but our directories and our state."""
    return {
        path: entry
        for path, entry in scene.node.snapshot().items()
        if not path.startswith((_OURS, STATE, "run/"))
    }


def nothing_of_ours_is_left(scene: Scene) -> bool:
    return not list(certs_d(scene).rglob("knative*"))


def wait_until_repaired(scene: Scene, live: LiveAgent) -> None:
    def all_are_there() -> bool:
        return all(scene.host_file("hosts.toml", host=host).exists() for host in HOSTS)

    wait_until(all_are_there, what="our directories are back")
    wait_until(scene.agent.has_nothing_to_do, what="all is as it should be")
    live.wait_until_in_sync()
    assert scene.pull().ok
