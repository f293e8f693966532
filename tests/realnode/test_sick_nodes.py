"""What `doctor` says of a node that is sick, and that a live `run` stays alive on it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import CERTS_D, HOST, STATE, Scene
from tests.realnode.test_node_refuses import fill, inside, mount

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]

PULL = ["tcp", "tls", "api", "effective"]


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.start()
    return made


@contextmanager
def hanging(node: Node) -> Iterator[None]:
    """containerd takes connections and does nothing with them."""
    node.containerd.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        node.containerd.process.send_signal(signal.SIGCONT)


def doctor(scene: Scene) -> dict[str, str]:
    """Each line that it says by its subject; one that fails with its problems."""
    done = scene.agent.call("doctor")
    told: dict[str, str] = {}
    subject = ""
    for line in done.out.splitlines():
        if line[:4].strip():
            mark, rest = line[:4], line[6:]
            subject = rest.split("  ", 1)[0].removeprefix("registry/knative ")
            told[subject] = line if mark == "FAIL" else "ok"
        else:
            told[subject] += line
    assert (done.status == 1) == any(text != "ok" for text in told.values()), done.out
    return told


def failing(scene: Scene) -> tuple[list[str], str]:
    """The subjects of the lines that fail, and what stands there."""
    told = doctor(scene)
    wrong = {subject: text for subject, text in told.items() if text != "ok"}
    return list(wrong), "\n".join(wrong.values())


def test_a_containerd_that_hangs_is_not_taken_for_a_registry_that_does(scene: Scene):
    scene.agent.sync()
    with hanging(scene.node):
        began = monotonic()
        told = doctor(scene)
        took = monotonic() - began

    assert list(told)[-3:] == PULL[:-1]
    assert [subject for subject, text in told.items() if text != "ok"] == ["runtime"]
    assert told["runtime"].count("runtime-timeout: ") == 1
    assert took < 20
    assert failing(scene) == ([], "")


def test_a_containerd_that_does_not_run_is_told_though_nothing_is_asked_for(scene: Scene):
    for manifest in scene.manifests.directory.iterdir():
        manifest.unlink()
    scene.node.stop_containerd()

    subjects, text = failing(scene)

    assert subjects == ["runtime"]
    assert "not running" in text
    assert "runtime-unreachable: " in text


def test_a_state_directory_that_is_full_or_read_only_is_told(scene: Scene):
    (scene.node.root / STATE).mkdir(parents=True)
    mount(scene, "-t", "tmpfs", "-o", "size=64k", "small", f"/{STATE}")
    scene.agent.sync()
    assert failing(scene) == ([], "")

    filler = inside(scene) / STATE / "filler"
    fill(filler)
    subjects, text = failing(scene)
    assert subjects == ["state"]
    assert "disk-full: " in text

    filler.unlink()
    mount(scene, "-o", "remount,ro", f"/{STATE}")
    subjects, text = failing(scene)
    assert subjects == ["state"]
    assert "read-only-file-system: " in text


def test_a_live_run_is_told_of_and_doctor_changes_nothing(scene: Scene):
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        before = scene.node.snapshot(ignoring=frozenset({"run"}))
        assert failing(scene) == ([], "")
        assert "a `run` is alive, as process " in scene.agent.call("doctor").out
        assert scene.node.snapshot(ignoring=frozenset({"run"})) == before


def test_a_link_in_the_place_of_a_file_is_told_as_one(scene: Scene):
    scene.agent.sync()
    file = scene.host_file("hosts.toml")
    file.unlink()
    file.symlink_to("/etc/hostname")

    subjects, text = failing(scene)

    assert subjects[0] == "files"
    assert f"symlink-refused: /{CERTS_D}/{HOST}: " in text


def test_a_fifo_among_containerds_imports_stops_no_run(scene: Scene):
    config = scene.node.root / "etc/containerd/config.toml"
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        os.mkfifo(scene.node.root / "etc/containerd/more.toml")
        config.write_text(f'imports = ["more.toml"]\n{config.read_text()}')

        live.wait_for_problem("runtime-config-broken")

        live.process.terminate()
        wait_until(lambda: live.process.poll() is not None, what="the agent has ended")
        assert live.process.poll() == 0
