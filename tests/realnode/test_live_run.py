"""Under a live `run`: whatever is deleted, edited or restarted, the node converges again."""

import shutil
import signal
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from tests.ground import runtime
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.agent_process import LiveAgent
from tests.realnode.scene import (
    ADDRESS,
    CERTS_D,
    HOST,
    STATE,
    Scene,
)

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.start()
    return made


@pytest.fixture
def live(scene: Scene) -> Iterator[LiveAgent]:
    with scene.agent.run() as agent:
        agent.wait_until_in_sync()
        yield agent


def delete_the_ledger(scene: Scene) -> None:
    (scene.node.root / STATE / "ledger.json").unlink()


def spoil_the_ledger(scene: Scene) -> None:
    (scene.node.root / STATE / "ledger.json").write_text("{")


def wipe_the_state_directory(scene: Scene) -> None:
    shutil.rmtree(scene.node.root / STATE)


def replace_certs_d(scene: Scene) -> None:
    certs_d = scene.node.root / CERTS_D
    certs_d.rename(certs_d.with_name("certs.d.old"))
    certs_d.mkdir()
    shutil.rmtree(certs_d.with_name("certs.d.old"))


def delete_a_host_directory(scene: Scene) -> None:
    shutil.rmtree(scene.node.root / CERTS_D / HOST)


def edit_by_hand(scene: Scene) -> None:
    file = scene.host_file("hosts.toml")
    file.write_text(file.read_text().replace(ADDRESS, "10.96.0.77"))


def empty_the_files(scene: Scene) -> None:
    for name in ("hosts.toml", "ca.crt"):
        scene.host_file(name).write_text("")


def delete_the_ca_file(scene: Scene) -> None:
    scene.host_file("ca.crt").unlink()


def delete_everything(scene: Scene) -> None:
    wipe_the_state_directory(scene)
    replace_certs_d(scene)


@pytest.mark.parametrize(
    "damage",
    [
        delete_the_ledger,
        spoil_the_ledger,
        wipe_the_state_directory,
        replace_certs_d,
        delete_a_host_directory,
        edit_by_hand,
        empty_the_files,
        delete_the_ca_file,
        delete_everything,
    ],
)
def test_damage_is_repaired_and_remove_still_leaves_nothing(
    scene: Scene, damage: Callable[[Scene], None]
):
    start = scene.node.snapshot()
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        good = scene.configuration()

        damage(scene)

        ledger = scene.node.root / STATE / "ledger.json"
        wait_until(
            lambda: (
                scene.configuration() == good and ledger.exists() and len(ledger.read_text()) > 9
            ),
            what="all is as it was",
        )
        live.wait_until_in_sync()
        assert scene.pull().error == ""
    removed = scene.agent.remove()

    assert removed.status == 0
    broken = f"{STATE}/ledger.json.broken"
    assert {path: e for path, e in scene.node.snapshot().items() if path != broken} == start


def test_a_restarted_containerd_is_proven_anew(scene: Scene, live: LiveAgent):
    asked = scene.registry.requests()

    scene.node.restart_containerd()

    wait_until(
        lambda: any("absent" in r.uri for r in scene.registry.requests()[len(asked) :]),
        what="the new containerd was asked",
    )
    live.wait_until_in_sync()
    assert scene.pull().error == ""


def test_a_config_path_that_moves_is_followed(scene: Scene, live: LiveAgent):
    """As an upgrade of the distribution does: another directory, then a restart."""
    config = runtime.default_config("2.1", config_path="/etc/registries/certs.d")
    (scene.node.root / "etc/registries/certs.d").mkdir(parents=True)

    scene.node.write("etc/containerd/config.toml", config)
    scene.node.restart_containerd()

    moved = scene.node.root / "etc/registries/certs.d" / HOST / "hosts.toml"
    wait_until(moved.exists, what="the new directory has our files")
    wait_until(lambda: scene.pull().ok, what="pulls work again")
    live.wait_until_in_sync()


def test_remove_is_refused_beside_a_live_run(scene: Scene, live: LiveAgent):
    before = scene.configuration()

    removed = scene.agent.remove()

    assert (removed.status, removed.reasons) == (1, ("another-agent",))
    assert scene.configuration() == before
    assert live.is_in_sync()


def test_sigterm_ends_it_at_once_with_status_0(scene: Scene):
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        began = monotonic()
        live.process.send_signal(signal.SIGTERM)

        assert live.process.wait(timeout=30) == 0
        assert monotonic() - began < 2

    assert live.log_lines()[-1]["event"] == "stopped"


def test_its_pages_tell_how_it_is(scene: Scene, live: LiveAgent):
    assert live.get("/livez")[0] == 200
    assert live.get("/readyz")[0] == 200
    for step in ("tcp", "tls", "api", "effective"):
        assert live.metric("probe_success", registry="registry/knative", step=step) == 1
    assert live.metric("files_written_total") == 8
    assert live.metric("last_success_timestamp_seconds") != 0
    expiry = scene.authority.certificate.not_valid_after_utc.timestamp()
    assert live.metric("trust_expiry_timestamp_seconds", registry="registry/knative") == expiry
    assert live.problems() == set()


def test_an_address_that_is_taken_stops_nothing(scene: Scene, live: LiveAgent):
    taken = (*scene.agent.command("run", "--listen", f"127.0.0.1:{live.port}"),)
    log = scene.node.root / "run/taken.log"
    with log.open("w") as file, scene.node.popen(taken, stdout=file, stderr=file) as process:
        wait_until(lambda: "listen-failed" in log.read_text(), what="it says so")
        assert process.poll() is None
        assert process.end() == 0
