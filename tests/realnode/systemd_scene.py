"""The usual scene on a node with a real systemd, whose runtime is one of its units."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.ground.debian_root import debian_root, systemd_nspawn
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.systemd_node import RuntimeUnit, SystemdNode
from tests.missing_programs import found_or_skipped
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.scene import Scene


@contextmanager
def systemd_scene(what: str, make: Callable[[], RuntimeUnit]) -> Iterator[Scene]:
    """A node whose runtime runs as its unit says, and has read nothing of ours.

    `make` makes the runtime that `what` names. The registry serves, and the Service and the bundle
    are published.
    """
    found_or_skipped("systemd-nspawn", systemd_nspawn)
    found_or_skipped("a Debian to boot", debian_root)
    runtime = found_or_skipped(what, make)
    with (
        Node(containerd=containerd_or_skip("1.6")) as beside,
        Registry(node=beside) as registry,
        SystemdNode(beside=beside, runtime=runtime) as node,
    ):
        scene = Scene(node=node, registry=registry)
        scene.serve()
        scene.ask_for()
        yield scene
