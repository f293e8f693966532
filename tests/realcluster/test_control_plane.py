"""The ground itself: a real API server is there, keeps its state, and is as strict as any."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config

from tests.ground.control_plane import ControlPlane
from tests.ground.kubectl import Kubectl, KubectlError, Object
from tests.ground.server import Server

pytestmark = pytest.mark.realcluster


def config_map(namespace: str, name: str = "kept") -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "old"}}


@pytest.fixture
def python_client(control_plane: ControlPlane) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(control_plane.kubeconfig)) as made:
        yield made


def as_user(control_plane: ControlPlane, kubeconfig: Path) -> Kubectl:
    return Kubectl(place=control_plane.place, kubeconfig=kubeconfig)


def test_is_of_the_minor_version_of_the_python_client(
    control_plane: ControlPlane, python_client: client.ApiClient
) -> None:
    served = client.VersionApi(python_client).get_code()
    assert served.minor == client.__version__.split(".")[0]
    assert f"Server Version: {served.git_version}" in control_plane.kubectl("version")


@pytest.mark.parametrize(
    ("name", "end"), [("api_server", "stop"), ("api_server", "kill"), ("etcd", "kill")]
)
def test_what_was_written_is_there_after_a_restart(
    control_plane: ControlPlane, namespace: str, name: str, end: str
) -> None:
    control_plane.kubectl.apply(config_map(namespace))
    server: Server = getattr(control_plane, name)
    old = server.pid
    getattr(server, end)()
    assert not Path(f"/proc/{old}").exists()
    control_plane.start()
    found = control_plane.kubectl.get("configmap", "kept", "-n", namespace)
    assert found["data"] == {"key": "old"}


def test_refuses_who_has_no_role(control_plane: ControlPlane, namespace: str) -> None:
    somebody = as_user(control_plane, control_plane.write_kubeconfig("somebody"))
    with pytest.raises(KubectlError, match="Forbidden"):
        somebody("get", "configmaps", "-n", namespace)


def test_a_token_bound_to_a_node_tells_who_and_where(
    control_plane: ControlPlane, namespace: str
) -> None:
    name = f"node-of-{namespace}"
    node: Object = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    control_plane.kubectl.apply(node)
    control_plane.kubectl("create", "serviceaccount", "agent", "-n", namespace)
    kubeconfig = control_plane.write_service_account_kubeconfig(namespace, "agent", node=name)
    kubectl = as_user(control_plane, kubeconfig)
    who = json.loads(kubectl("auth", "whoami", "--output=json"))["status"]["userInfo"]
    assert who["username"] == f"system:serviceaccount:{namespace}:agent"
    assert who["extra"]["authentication.kubernetes.io/node-name"] == [name]
