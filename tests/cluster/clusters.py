"""The stub and the real API server, through one set of hands, so that a stub that lies fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kubernetes import client, config

from agent.cluster.connection import Access, Kubeconfig
from agent.cluster.objects import REGISTRY_LABEL
from tests.cluster.kube_access import kubeconfig
from tests.cluster.stub_api_server import StubApiServer
from tests.ground.control_plane import ControlPlane

Json = dict[str, Any]

BUNDLE = "registry-trust"


class Cluster(Protocol):
    """One namespace of its own, and who may look at it."""

    access: Access
    namespace: str

    def put_service(self, name: str, *, port: int, label: str | None = "true") -> None: ...
    def delete_service(self, name: str) -> None: ...
    def put_bundle(self, data: Mapping[str, str], *, name: str = BUNDLE) -> None: ...
    def delete_bundle(self) -> None: ...


def _service(name: str, *, port: int, label: str | None) -> Json:
    labels = {} if label is None else {REGISTRY_LABEL: label}
    spec = {"ports": [{"name": "https", "port": port, "protocol": "TCP"}]}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


@dataclass(kw_only=True)
class StubCluster:
    server: StubApiServer
    directory: Path
    namespace: str = "registry"
    access: Access = field(init=False)

    def __post_init__(self) -> None:
        self.access = kubeconfig(self.directory, port=self.server.port)

    def put_service(self, name: str, *, port: int, label: str | None = "true") -> None:
        self.server.objects.put(
            f"/api/v1/namespaces/{self.namespace}/services",
            _service(name, port=port, label=label),
        )

    def delete_service(self, name: str) -> None:
        self.server.objects.delete(f"/api/v1/namespaces/{self.namespace}/services", name)

    def put_bundle(self, data: Mapping[str, str], *, name: str = BUNDLE) -> None:
        self.server.objects.put(
            f"/api/v1/namespaces/{self.namespace}/configmaps",
            {"metadata": {"name": name}, "data": dict(data)},
        )

    def delete_bundle(self) -> None:
        self.server.objects.delete(f"/api/v1/namespaces/{self.namespace}/configmaps", BUNDLE)


class RealCluster:
    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.access: Access = Kubeconfig(control_plane.kubeconfig)
        self.namespace = namespace
        self._client = config.new_client_from_config(str(control_plane.kubeconfig))
        self._core = client.CoreV1Api(self._client)

    def close(self) -> None:
        self._client.close()

    def put_service(self, name: str, *, port: int, label: str | None = "true") -> None:
        self._put("service", _service(name, port=port, label=label))

    def delete_service(self, name: str) -> None:
        self._core.delete_namespaced_service(name, self.namespace)

    def put_bundle(self, data: Mapping[str, str], *, name: str = BUNDLE) -> None:
        self._put("config_map", {"metadata": {"name": name}, "data": dict(data)})

    def delete_bundle(self) -> None:
        self._core.delete_namespaced_config_map(BUNDLE, self.namespace)

    def _put(self, kind: str, document: Json) -> None:
        """Replace it, or create it where it is not there."""
        name = document["metadata"]["name"]
        try:
            getattr(self._core, f"replace_namespaced_{kind}")(name, self.namespace, document)
        except client.ApiException as refusal:
            if refusal.status != 404:
                raise
            getattr(self._core, f"create_namespaced_{kind}")(self.namespace, document)
