"""Our ClusterTrustBundle on a real API server; and API servers that know no such thing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.cluster.api import Api
from agent.cluster.cluster_bundle import GROUP, LOOK_AGAIN_SECONDS, NAME, ClusterBundle
from agent.cluster.connection import Kubeconfig
from agent.errors import BadInput, ChangedMeanwhile, ClusterTrouble, Reason
from tests.cluster.fake_api import DOWN, FakeApi
from tests.cluster.kube_access import api_over
from tests.fakes import FakeClock
from tests.ground.certificates import Authority
from tests.ground.control_plane import ControlPlane

FIRST, SECOND = Authority.create(name="first").pem, Authority.create(name="second").pem
BUNDLES = "clustertrustbundles"


def serving(*versions: str) -> FakeApi:
    groups = {
        f"{GROUP}/{version}": {"resources": [{"name": name} for name in names.split()]}
        for version, _, names in (text.partition(": ") for text in versions)
    }
    return FakeApi(objects=groups)


@pytest.mark.realcluster
class TestForReal:
    @pytest.fixture
    def api(self, control_plane: ControlPlane) -> Iterator[Api]:
        with api_over(Kubeconfig(control_plane.kubeconfig)) as made:
            yield made
        control_plane.kubectl("delete", BUNDLES, NAME, "--ignore-not-found")

    @pytest.fixture
    def bundle(self, api: Api) -> ClusterBundle:
        return ClusterBundle(api, FakeClock())

    def test_it_is_made_by_its_name_for_our_signer(self, api: Api, bundle: ClusterBundle) -> None:
        assert bundle.is_served()
        assert bundle.read() is None
        made = bundle.put(FIRST, over=None)
        assert made == bundle.read()
        assert (made.pem, made.is_ours) == (FIRST, True)
        stored: Any = api.get(f"{GROUP}/v1/{BUNDLES}/{NAME}")
        assert stored["spec"]["signerName"] == "registry-node-agent.internal/serving"

    def test_it_is_changed_only_as_it_was_seen(self, bundle: ClusterBundle) -> None:
        first = bundle.put(FIRST, over=None)
        assert bundle.put(SECOND + FIRST, over=first).pem == SECOND + FIRST
        with pytest.raises(ChangedMeanwhile):
            bundle.put(SECOND, over=first)
        with pytest.raises(ChangedMeanwhile):
            bundle.put(SECOND, over=None)

    def test_it_is_made_anew_when_it_was_deleted(
        self, bundle: ClusterBundle, control_plane: ControlPlane
    ) -> None:
        first = bundle.put(FIRST, over=None)
        control_plane.kubectl("delete", BUNDLES, NAME)
        with pytest.raises(ChangedMeanwhile):
            bundle.put(SECOND, over=first)
        assert bundle.read() is None
        assert bundle.put(SECOND, over=None).pem == SECOND

    def test_what_the_api_server_takes_for_no_bundle_is_told(self, bundle: ClusterBundle) -> None:
        with pytest.raises(ClusterTrouble) as trouble:
            bundle.put(FIRST + FIRST, over=None)
        assert trouble.value.problem.reason is Reason.API_REFUSED


def test_the_newest_version_that_has_it_is_used() -> None:
    for versions, path in (
        (["v1: certificatesigningrequests clustertrustbundles"], "v1"),
        (["v1: certificatesigningrequests", "v1beta1: clustertrustbundles"], "v1beta1"),
    ):
        api = serving(*versions)
        bundle = ClusterBundle(api, FakeClock())
        bundle.put(FIRST, over=None)
        [found] = api.below(f"{GROUP}/{path}/{BUNDLES}")
        assert found["apiVersion"] == f"certificates.k8s.io/{path}"


@pytest.mark.parametrize(
    "versions", [[], ["v1: certificatesigningrequests"]], ids=["no such group", "no such kind"]
)
def test_an_api_server_without_it_has_none(versions: list[str]) -> None:
    bundle = ClusterBundle(serving(*versions), FakeClock())
    assert not bundle.is_served()
    assert bundle.read() is None


def test_an_api_server_may_learn_it_later() -> None:
    api, clock = serving("v1: certificatesigningrequests"), FakeClock()
    bundle = ClusterBundle(api, clock)
    assert not bundle.is_served()
    api.objects |= serving("v1: clustertrustbundles").objects
    assert not bundle.is_served()
    clock.advance(timedelta(seconds=LOOK_AGAIN_SECONDS))
    assert bundle.is_served()


def test_an_api_server_may_lose_it() -> None:
    api = serving("v1: clustertrustbundles")
    bundle = ClusterBundle(api, FakeClock())
    assert bundle.is_served()
    del api.objects[f"{GROUP}/v1"]
    assert bundle.read() is None
    assert not bundle.is_served()


def test_an_api_server_out_of_reach_is_not_one_without_it() -> None:
    api = FakeApi(failing={GROUP: DOWN})
    with pytest.raises(ClusterTrouble):
        ClusterBundle(api, FakeClock()).is_served()


def test_somebody_elses_is_left_alone() -> None:
    bundle = ClusterBundle(serving("v1: clustertrustbundles"), FakeClock())
    ours = bundle.put(FIRST, over=None)
    with pytest.raises(BadInput, match="name-taken"):
        bundle.put(SECOND, over=replace(ours, labels={}))
    assert bundle.read() == ours
