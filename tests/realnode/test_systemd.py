"""A real systemd on a real node: what stops the restart that turns on config_path undoes it."""

import signal
import sys
from collections.abc import Iterator

import pytest

from tests.ground.runtime_units import debians_containerd
from tests.realnode.scene import Scene
from tests.realnode.systemd_scene import systemd_scene

pytestmark = pytest.mark.realnode

ALLOWED = ("--disrupt", "restart-in-turn")
CONFIG = "etc/containerd/config.toml"
FOREIGN = "etc/containerd/certs.d/docker.io/hosts.toml"
SAYS_NO = """\
#!/bin/sh
# A containerd that takes the file in `config dump`, and does not start with it.
case " $* " in *" config dump "*) exec /usr/bin/containerd.real "$@" ;; esac
if grep -q config_path /etc/containerd/config.toml; then exit 7; fi
exec /usr/bin/containerd.real "$@"
"""
DIES = """\
import os, signal, sys
from agent.__main__ import main
from agent.node.config_turn import ConfigTurn
from agent.node.systemd import Systemd
WHERE = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
sys.exit(main())
"""
BEFORE_THE_RESTART = DIES.replace("WHERE", "Systemd.restart")
AFTER_IT_FAILED = DIES.replace("WHERE", "ConfigTurn._rolled_back")


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Debian's containerd as it is installed: it reads no host directories."""
    with systemd_scene("Debian's containerd", debians_containerd) as made:
        yield made


def test_a_file_that_somebody_else_has_changed_since_is_left_and_said(scene: Scene):
    scene.agent.sync(*ALLOWED)
    with (scene.node.root / CONFIG).open("a") as file:
        file.write("# mine\n")
    changed = (scene.node.root / CONFIG).read_bytes()
    removed = scene.agent.remove()
    assert removed.status == 0
    assert removed.reasons == ("changed-by-others",)
    assert (scene.node.root / CONFIG).read_bytes() == changed


def test_config_path_stays_for_the_host_directories_of_others(scene: Scene):
    scene.agent.sync(*ALLOWED)
    written = (scene.node.root / CONFIG).read_bytes()
    scene.node.write(FOREIGN, 'server = "https://mirror.example"\n')
    removed = scene.agent.remove()
    assert removed.reasons == ("changed-by-others",)
    assert "host directories of others need it" in removed.err
    assert (scene.node.root / CONFIG).read_bytes() == written
    assert (scene.node.root / FOREIGN).exists()


def test_a_restart_that_fails_is_rolled_back_and_the_runtime_serves_again(scene: Scene):
    before = scene.node.etc()
    program = scene.node.root / "usr/bin/containerd"
    program.rename(program.with_name("containerd.real"))
    scene.node.write("usr/bin/containerd", SAYS_NO).chmod(0o755)

    failed = scene.agent.sync(*ALLOWED)

    assert failed.status == 1
    assert failed.reasons[0] == "restart-failed"
    assert (scene.node.root / CONFIG).read_bytes() == before[CONFIG.removeprefix("etc/")].content
    scene.node.wait_for_runtime()
    assert scene.agent.remove().status == 0
    assert scene.node.etc() == before


def test_a_file_that_containerd_itself_refuses_is_never_put_in_its_place(scene: Scene):
    pid = scene.node.runtime_pid()
    program = scene.node.root / "usr/bin/containerd"
    program.rename(program.with_name("containerd.real"))
    scene.node.write("usr/bin/containerd", "#!/bin/sh\nexit 1\n").chmod(0o755)
    before = scene.node.etc()[CONFIG.removeprefix("etc/")]

    refused = scene.agent.sync(*ALLOWED)

    assert refused.reasons[0] == "preflight-failed"
    assert scene.node.etc()[CONFIG.removeprefix("etc/")] == before
    assert scene.node.runtime_pid() == pid
    names = {path.name for path in (scene.node.root / "etc/containerd").iterdir()}
    assert names == {"certs.d", "config.toml"}


def test_killed_between_the_write_and_the_restart_it_needs_one_and_the_next_sync_does_it(
    scene: Scene,
):
    before, pid = scene.node.etc(), scene.node.runtime_pid()
    killed(scene, BEFORE_THE_RESTART)

    reported = scene.agent.sync()
    assert scene.node.runtime_pid() == pid
    assert "needs-restart" in reported.reasons

    finished = scene.agent.sync(*ALLOWED)
    assert (finished.status, finished.err) == (0, "")
    assert scene.node.runtime_pid() != pid
    assert scene.agent.remove().status == 0
    assert scene.node.etc() == before


def test_killed_there_the_file_is_put_back_by_remove(scene: Scene):
    before = scene.node.etc()
    killed(scene, BEFORE_THE_RESTART)
    assert scene.agent.remove().status == 0
    assert scene.node.etc() == before


def test_killed_after_a_restart_that_failed_the_next_pass_puts_it_back_whatever_is_allowed(
    scene: Scene,
):
    before = scene.node.etc()
    program = scene.node.root / "usr/bin/containerd"
    program.rename(program.with_name("containerd.real"))
    scene.node.write("usr/bin/containerd", SAYS_NO).chmod(0o755)
    killed(scene, AFTER_IT_FAILED)
    scene.node.systemctl("stop", "containerd.service")  # else it is in the middle of a start

    repaired = scene.agent.sync("--disrupt", "none")

    assert repaired.reasons[0] == "restart-failed"
    assert (scene.node.root / CONFIG).read_bytes() == before[CONFIG.removeprefix("etc/")].content
    scene.node.wait_for_runtime()
    assert "restart-failed" not in scene.agent.sync().reasons


def killed(scene: Scene, program: str) -> None:
    """`sync`, ended by SIGKILL where the program says, with the file written."""
    _, *arguments = scene.agent.command("sync", *ALLOWED)
    ended = scene.node.run([sys.executable, "-c", program, *arguments[2:]], timeout=120)
    assert ended.returncode == -signal.SIGKILL
    assert b"config_path" in (scene.node.root / CONFIG).read_bytes()


def test_a_unit_that_sends_the_cluster_ip_to_a_proxy_is_called_that(scene: Scene):
    assert scene.agent.sync(*ALLOWED).status == 0
    environment = 'HTTPS_PROXY="http://127.0.0.1:1"\n# NO_PROXY=10.96.0.0/12\n'
    scene.node.write("etc/default/proxy", environment)
    scene.node.write(
        "etc/systemd/system/containerd.service.d/proxy.conf",
        "[Service]\nEnvironmentFile=/etc/default/proxy\nEnvironment=NO_PROXY=.svc,.cluster.local\n",
    )
    scene.node.restart_with_units()
    proxied = scene.agent.sync()

    scene.node.write("etc/default/proxy", f"{environment}NO_PROXY=10.96.0.0/12\n")
    scene.node.restart_with_units()
    spared = scene.agent.sync()

    assert set(proxied.reasons) == {"proxied"}
    assert (spared.status, spared.err) == (0, "")
