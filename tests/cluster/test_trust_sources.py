"""What trust bootstrapping looks at, on a real API server; and what cannot be read, in memory."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from agent.cluster.api import Api
from agent.cluster.connection import Kubeconfig
from agent.cluster.objects import REGISTRY_LABEL
from agent.cluster.pod_notes import CERTIFICATE, PodNotes
from agent.cluster.trust_sources import (
    NAMESPACES,
    SERVICE_CIDRS,
    TrustSources,
)
from agent.errors import ClusterTrouble, Reason
from agent.planning.trust_sources import PUSH_LABEL, TRUST_LABEL, ServicesSeen
from tests.cluster.fake_api import DOWN, FakeApi, refusal
from tests.cluster.kube_access import api_over
from tests.ground.control_plane import SERVICE_RANGES, ControlPlane
from tests.ground.kubectl import Object

SHA256 = "ab" * 32
SELECTOR = {"app": "registry", "example.com/tier": "front"}


@pytest.fixture
def api(control_plane: ControlPlane) -> Iterator[Api]:
    with api_over(Kubeconfig(control_plane.kubeconfig)) as made:
        yield made


def service(name: str, *, label: str | None = "true", **spec: Any) -> Object:
    labels = {} if label is None else {REGISTRY_LABEL: label}
    ports = [{"name": "https", "port": 443}]
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "metadata": metadata, "spec": {"ports": ports, **spec}}


def pod(name: str, labels: dict[str, str]) -> Object:
    containers = [{"name": "registry", "image": "registry"}]
    spec = {"containers": containers, "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "metadata": {"name": name, "labels": labels}, "spec": spec}


@pytest.mark.realcluster
class TestServices:
    def test_that_carry_the_label_are_read_with_all_their_addresses_and_their_selector(
        self, api: Api, namespace: str
    ) -> None:
        path = f"{NAMESPACES}/{namespace}/services"
        both = {"ipFamilyPolicy": "RequireDualStack", "selector": SELECTOR}
        api.create(path, service("knative", **both))
        api.create(path, service("away", label="false"))
        api.create(path, service("web", label=None))
        seen = TrustSources(api, namespaces=[namespace]).services()
        away, knative = seen.services
        assert seen.problems == ()
        assert (away.service.registry.name, away.service.label) == ("away", "false")
        assert away.selector == {}
        assert [str(other.registry) for other in seen.unlabelled] == [f"{namespace}/web"]
        assert knative.selector == SELECTOR
        ours = api.get(f"{path}/knative")["spec"]
        assert list(knative.service.cluster_ips) == ours["clusterIPs"]
        assert len(knative.service.cluster_ips) == 2

    def test_in_other_namespaces_are_not_looked_at(
        self, api: Api, control_plane: ControlPlane, namespace: str
    ) -> None:
        api.create(f"{NAMESPACES}/{namespace}/services", service("knative"))
        other = control_plane.create_namespace()
        assert TrustSources(api, namespaces=[other]).services() == ServicesSeen()


@pytest.mark.realcluster
class TestRanges:
    def test_are_those_that_the_api_server_was_started_with(self, api: Api) -> None:
        expected = frozenset(map(ip_network, SERVICE_RANGES.split(",")))
        assert TrustSources(api, namespaces=[]).service_ranges() == expected

    def test_that_may_not_be_read_are_unknown(self, control_plane: ControlPlane) -> None:
        nobody = control_plane.write_kubeconfig("nobody")
        with api_over(Kubeconfig(nobody)) as api:
            assert TrustSources(api, namespaces=[]).service_ranges() is None


@pytest.mark.realcluster
def test_the_namespaces_that_want_a_copy_are_those_labelled_true(
    api: Api, control_plane: ControlPlane
) -> None:
    wanted, other, both = (control_plane.create_namespace() for _ in range(3))
    for name, labels in (
        (wanted, {TRUST_LABEL: "true"}),
        (other, {TRUST_LABEL: "false"}),
        (both, {TRUST_LABEL: "true", PUSH_LABEL: "true"}),
    ):
        api.patch(f"{NAMESPACES}/{name}", {"metadata": {"labels": labels}})
    sources = TrustSources(api, namespaces=[])
    assert {wanted, other, both} & set(sources.namespaces(TRUST_LABEL)) == {wanted, both}
    assert {wanted, other, both} & set(sources.namespaces(PUSH_LABEL)) == {both}
    control_plane.kubectl("delete", "namespace", both, "--wait=false")
    assert both not in sources.namespaces(PUSH_LABEL)


@pytest.mark.realcluster
class TestPods:
    @pytest.fixture(autouse=True)
    def _account(self, api: Api, namespace: str) -> None:
        """No pod is without one, and here is no controller that would make it."""
        account = {"apiVersion": "v1", "metadata": {"name": "default"}}
        api.create(f"{NAMESPACES}/{namespace}/serviceaccounts", account)

    def test_of_the_service_say_which_certificate_there_is(self, api: Api, namespace: str) -> None:
        path = f"{NAMESPACES}/{namespace}/pods"
        api.create(path, pod("a", SELECTOR))
        api.create(path, pod("b", {**SELECTOR, "more": "yes"}))
        api.create(path, pod("other", {"app": "registry"}))
        notes = PodNotes(api)
        assert notes.note_certificate(namespace, selector=SELECTOR, sha256=SHA256) == ("a", "b")
        assert notes.note_certificate(namespace, selector=SELECTOR, sha256=SHA256) == ()
        noted: Any = api.get(f"{path}/a")
        assert noted["metadata"]["annotations"] == {CERTIFICATE: SHA256}
        left: Any = api.get(f"{path}/other")
        assert "annotations" not in left["metadata"]

    def test_that_are_over_or_about_to_go_are_left_alone(
        self, api: Api, control_plane: ControlPlane, namespace: str
    ) -> None:
        path = f"{NAMESPACES}/{namespace}/pods"
        for name in ("done", "going"):
            api.create(path, pod(name, SELECTOR))
        api.patch(f"{path}/done/status", {"status": {"phase": "Succeeded"}})
        api.patch(f"{path}/going", {"metadata": {"finalizers": ["example.com/stay"]}})
        control_plane.kubectl("delete", "pod", "going", f"--namespace={namespace}", "--wait=false")
        notes = PodNotes(api)
        assert notes.note_certificate(namespace, selector=SELECTOR, sha256=SHA256) == ()

    def test_are_none_where_the_service_selects_none(self, api: Api, namespace: str) -> None:
        api.create(f"{NAMESPACES}/{namespace}/pods", pod("a", SELECTOR))
        assert PodNotes(api).note_certificate(namespace, selector={}, sha256=SHA256) == ()


class TestTrouble:
    def test_services_that_cannot_be_listed_are_not_absent(self) -> None:
        api = FakeApi(failing={f"{NAMESPACES}/registry": refusal(403)})
        with pytest.raises(ClusterTrouble) as trouble:
            TrustSources(api, namespaces=["registry"]).services()
        assert trouble.value.problem.reason is Reason.API_FORBIDDEN

    def test_one_service_that_makes_no_sense_does_not_hide_the_others(self) -> None:
        api = FakeApi()
        path = f"{NAMESPACES}/registry/services"
        for name, ports in (("good", 443), ("odd", "443")):
            spec = {"ports": [{"port": ports}]}
            metadata = {"name": name, "namespace": "registry", "labels": {REGISTRY_LABEL: "true"}}
            api.create(path, {"metadata": metadata, "spec": spec})
        seen = TrustSources(api, namespaces=["registry"]).services()
        assert [item.service.registry.name for item in seen.services] == ["good"]
        [problem] = seen.problems
        assert (problem.reason, problem.where) == (Reason.BAD_MANIFEST, "Service registry/odd")

    @pytest.mark.parametrize("error", [DOWN, refusal(500)])
    def test_ranges_that_cannot_be_asked_for_now_are_not_unknown(self, error: Any) -> None:
        api = FakeApi(failing={SERVICE_CIDRS: error})
        with pytest.raises(ClusterTrouble):
            TrustSources(api, namespaces=[]).service_ranges()

    def test_a_range_that_cannot_be_read_makes_them_unknown(self) -> None:
        api = FakeApi()
        for name, cidrs in (("good", ["10.96.0.0/16"]), ("odd", ["10.97.0.0/16/16"])):
            api.create(SERVICE_CIDRS, {"metadata": {"name": name}, "spec": {"cidrs": cidrs}})
        assert TrustSources(api, namespaces=[]).service_ranges() is None

    def test_a_pod_that_is_gone_meanwhile_is_no_trouble(self) -> None:
        path = f"{NAMESPACES}/registry/pods"
        api = FakeApi()
        api.create(path, pod("gone", SELECTOR))
        api.failing[f"{path}/gone"] = refusal(404)
        notes = PodNotes(api)
        assert notes.note_certificate("registry", selector=SELECTOR, sha256=SHA256) == ()
