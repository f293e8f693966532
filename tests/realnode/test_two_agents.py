"""Two agents on one node: one pass at a time, whoever it is that runs it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from inotify_simple import INotify, flags

from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.killing import forks_of
from tests.realnode.scene import ADDRESS, HOSTS, OTHER_ADDRESS, STATE, Scene

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.start()
    made.serve("other", address=OTHER_ADDRESS)
    return made


@contextmanager
def lock_attempts(scene: Scene) -> Iterator[Callable[[], int]]:
    """How often somebody has tried the lock of a pass since the last call."""
    with INotify() as watch:
        watch.add_watch(str(scene.node.root / STATE / "lock"), flags.OPEN)
        yield lambda: len(watch.read(timeout=0))


def test_a_second_agent_waits_while_the_first_is_in_the_middle_of_an_apply(scene: Scene):
    with forks_of(scene) as forks:
        moments = forks.moments("sync")
        assert scene.agent.remove().status == 0
        second_rename = next(m for m in moments if (m.name, m.nth) == ("renameat2", 2))

        with forks.stopped_at(second_rename, "sync") as first:
            half_way = scene.node.snapshot()
            out = scene.node.root / "run/second.out"
            with (
                lock_attempts(scene) as attempts,
                out.open("w") as file,
                scene.node.popen(scene.agent.command("sync"), stdout=file, stderr=file) as second,
            ):
                for _ in range(3):
                    wait_until(attempts, what="the second agent tries the lock")
                assert second.poll() is None
                assert not first.done()
                assert scene.node.snapshot() == half_way
                forks.go_on()
                assert first.result(timeout=30) == 0
                assert second.wait(timeout=30) == 0

    assert "create" not in out.read_text()
    assert {scene.endpoint(host=host) for host in HOSTS} == {f"https://{ADDRESS}"}
    assert scene.pull().error == ""


def test_two_live_agents_write_each_change_once(scene: Scene):
    changes = (OTHER_ADDRESS, ADDRESS) * 5
    with (
        scene.agent.run(name="first") as first,
        scene.agent.run(name="second", port=9809) as second,
    ):
        for agent in (first, second):
            agent.wait_until_in_sync()
        for address in changes:
            scene.manifests.service(cluster_ips=[address])
            wait_until(
                lambda: {scene.endpoint(host=h) for h in HOSTS} == {f"https://{address}"},  # noqa: B023 - it is over before the next address
                what="every directory has the new address",
            )
        wait_until(
            lambda: (
                sum(agent.metric("files_written_total") or 0 for agent in (first, second))
                == 8 + 4 * len(changes)
            ),
            what="eight files made, and four rewritten at each change",
        )
        for agent in (first, second):
            agent.wait_until_in_sync()

    assert scene.pull().error == ""


def test_sync_works_beside_a_live_run(scene: Scene):
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        scene.manifests.service(cluster_ips=[OTHER_ADDRESS])

        synced = scene.agent.sync()

        assert (synced.status, synced.err) == (0, "")
        live.wait_until_in_sync()
    assert {scene.endpoint(host=host) for host in HOSTS} == {f"https://{OTHER_ADDRESS}"}
