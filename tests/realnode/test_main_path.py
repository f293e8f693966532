"""The main job: a cluster hostname that the node cannot resolve is pulled after one `sync`."""

import tomllib

import pytest
import toml

from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import (
    ADDRESS,
    CERTS_D,
    HOST,
    HOSTS,
    IMAGE,
    OTHER_ADDRESS,
    REPOSITORY,
    SHORT_HOST,
    STATE,
    Scene,
)

pytestmark = pytest.mark.realnode

newest_only = pytest.mark.parametrize("containerd_version", ["2.1"])
since_2_2 = pytest.mark.parametrize("containerd_version", ["2.2", "2.3"])
IPV6 = "fd00:10:96::50"
NAMES = ("knative", "builds", "kanikocache")
COLON_LIST = "/etc/containerd/certs.d:/etc/docker/certs.d"


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    return Scene(node=node, registry=registry)


def test_a_pull_fails_before_works_after_sync_at_once_and_remove_leaves_no_trace(scene: Scene):
    scene.start()
    start = scene.node.snapshot()
    process = scene.node.containerd.process.program_pid

    before = scene.pull()
    synced = scene.agent.sync()
    after = {host: scene.pull(f"{host}/{REPOSITORY}") for host in HOSTS}
    again = scene.agent.sync()
    planned = scene.agent.call("plan", "--exit-code")
    doctor = scene.agent.call("doctor")
    removed = scene.agent.remove()

    assert f"lookup {HOST}" in before.error
    assert (synced.status, synced.err) == (0, "")
    assert "tcp tls api effective" in synced.out
    assert {host: pull.error for host, pull in after.items()} == dict.fromkeys(HOSTS, "")
    assert (again.status, again.err) == (0, "")
    assert "create" not in again.out
    assert planned.status == 0, planned.out
    assert doctor.status == 0, doctor.out
    assert "FAIL" not in doctor.out
    assert (removed.status, removed.err) == (0, "")
    assert f"lookup {HOST}" in scene.pull().error
    assert scene.node.snapshot() == start
    assert scene.node.containerd.process.program_pid == process


@newest_only
def test_what_is_written_is_read_alike_by_every_reader_of_toml(scene: Scene):
    scene.converge()
    text = scene.host_file("hosts.toml").read_text()

    assert tomllib.loads(text) == {
        "server": f"https://{ADDRESS}",
        "capabilities": ["pull", "resolve"],
        "ca": "ca.crt",
        "dial_timeout": "3s",
        "host": {},
    }
    assert toml.loads(text) == tomllib.loads(text)
    front, *_ = [request for request in scene.registry.requests() if "app/demo" in request.uri]
    assert (front.front, front.sni, front.host) == ("main", "", ADDRESS)


@newest_only
def test_plan_changes_nothing_and_says_that_there_is_something_to_do(scene: Scene):
    scene.start()
    start = scene.node.snapshot()

    planned = scene.agent.call("plan", "--exit-code")

    assert planned.status == 10
    assert f'+server = "https://{ADDRESS}"' in planned.out
    assert "action: none" in planned.out
    assert scene.node.snapshot() == start


@newest_only
@pytest.mark.parametrize("address", [ADDRESS, IPV6])
def test_another_port_is_pulled_under_the_names_with_that_port(scene: Scene, address: str):
    scene.serve(address=address, port=5000)
    scene.ask_for(address=address, ports=[{"name": "registry", "port": 5000}])
    scene.node.start_containerd()

    synced = scene.agent.sync()

    assert synced.status == 0, synced.err
    for host in (f"{HOST}:5000", f"{SHORT_HOST}:5000"):
        assert scene.pull(f"{host}/{REPOSITORY}").error == ""
    assert {path.name for path in (scene.node.root / CERTS_D).iterdir()} == {
        f"{HOST}:5000",
        f"{SHORT_HOST}:5000",
    }


@pytest.mark.parametrize("containerd_version", ["1.6", "2.1", "2.3"])
def test_an_ipv6_service_is_pulled(scene: Scene):
    scene.start(address=IPV6)

    synced = scene.agent.sync()

    assert synced.status == 0, synced.err
    assert scene.endpoint() == f"https://[{IPV6}]"
    assert scene.pull().error == ""


@newest_only
def test_of_two_families_the_one_that_answers_is_taken(scene: Scene):
    scene.serve(address=IPV6)
    scene.ask_for()
    scene.manifests.service(cluster_ips=[OTHER_ADDRESS, IPV6])
    scene.node.start_containerd()

    synced = scene.agent.sync()

    assert synced.status == 0, synced.err
    assert scene.endpoint() == f"https://[{IPV6}]"
    assert scene.pull().error == ""


@newest_only
def test_three_services_at_once_each_follow_their_own_address(scene: Scene):
    addresses = dict(zip(NAMES, (ADDRESS, OTHER_ADDRESS, "10.96.0.52"), strict=True))
    scene.ask_for()
    for name, address in addresses.items():
        scene.serve(name, address=address)
        scene.manifests.service(name=name, cluster_ips=[address])
    scene.node.start_containerd()
    start = scene.node.snapshot()

    synced = scene.agent.sync()

    assert synced.status == 0, synced.err
    for name, address in addresses.items():
        host = f"{name}.registry.svc.cluster.local"
        assert scene.pull(f"{host}/{REPOSITORY}").error == ""
        assert scene.endpoint(host=host) == f"https://{address}"
    scene.agent.remove()
    assert scene.node.snapshot() == start


@pytest.mark.parametrize("containerd_version", ["2.1", "2.2", "2.3"])
def test_a_colon_list_is_served_in_its_unsplit_directory_too(scene: Scene):
    scene.serve()
    scene.ask_for()
    version = scene.node.containerd_version
    scene.node.start_containerd(config=_config_with(COLON_LIST))
    start = scene.node.snapshot()

    synced = scene.agent.sync()

    assert synced.status == 0, (version, synced.err)
    assert scene.pull().error == ""
    assert (scene.node.root / COLON_LIST.lstrip("/") / HOST / "hosts.toml").exists()
    assert scene.host_file("hosts.toml").exists()
    scene.agent.remove()
    assert scene.node.snapshot() == start


@since_2_2
def test_where_nothing_is_configured_new_versions_read_the_files_without_an_edit(scene: Scene):
    scene.serve()
    scene.ask_for()
    scene.node.start_containerd(config="version = 3\n")
    start = scene.node.snapshot()

    synced = scene.agent.sync()

    assert synced.status == 0, synced.err
    assert scene.pull().error == ""
    scene.agent.remove()
    assert scene.node.snapshot() == start


@pytest.mark.parametrize("containerd_version", ["1.6", "1.7", "2.1"])
def test_where_nothing_is_configured_old_versions_need_a_restart_and_sync_says_so(scene: Scene):
    scene.serve()
    scene.ask_for()
    scene.node.start_containerd(config=_bare_config(scene))

    synced = scene.agent.sync()
    planned = scene.agent.call("plan")

    assert synced.status == 1
    assert "config-path-unset" in synced.reasons
    assert "config_path = " in planned.out
    assert "action: restart" in planned.out
    assert "lookup" in scene.pull().error


@newest_only
def test_directories_that_had_to_be_made_go_again(scene: Scene):
    scene.start()
    (scene.node.root / CERTS_D).rmdir()
    start = scene.node.snapshot()

    assert scene.agent.sync().status == 0
    assert scene.pull(IMAGE).error == ""
    assert scene.agent.remove().status == 0

    assert scene.node.snapshot() == start
    assert not (scene.node.root / STATE).exists()


def _config_with(config_path: str) -> str:
    table = '[plugins."io.containerd.cri.v1.images".registry]'
    return f'version = 3\n\n{table}\n  config_path = "{config_path}"\n'


def _bare_config(scene: Scene) -> str:
    return "version = 2\n" if scene.node.containerd_version.startswith("1.") else "version = 3\n"
