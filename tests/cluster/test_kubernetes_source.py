"""The view follows the API server, the stub and the real one alike: unknown is never absent."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.cluster.kubernetes_source import OneLook
from agent.ports import Source
from tests.cluster.clusters import Cluster
from tests.cluster.followed import QUICK, following, names, ports, wanted
from tests.cluster.kube_access import api_over
from tests.ground.namespaces import wait_until


def bundle_of(cluster: Cluster) -> str:
    return f"configmap:{cluster.namespace}/registry-trust"


@pytest.fixture
def filled(cluster: Cluster) -> Cluster:
    cluster.put_service("knative", port=5000)
    cluster.put_service("unlabelled", port=80, label=None)
    cluster.put_bundle({"ca.crt": "PEM", "revoked": "ab"})
    cluster.put_bundle({"ca.crt": "OTHER"}, name="other")
    return cluster


def test_the_first_view_has_all_that_is_there_and_nothing_else(filled: Cluster) -> None:
    with following(filled) as followed:
        view = followed.source.view()
        assert view.complete
        assert view.problems == ()
        assert ports(view) == {"knative": 5000}
        (service,) = view.services
        assert service.label == "true"
        assert str(service.registry) == f"{filled.namespace}/knative"
        (bundle,) = view.bundles.values()
        assert (bundle.pem, bundle.revoked) == ("PEM", "ab")


def test_a_look_sees_what_a_watch_sees(filled: Cluster) -> None:
    with following(filled) as followed, api_over(filled.access) as api:
        look: Source = OneLook(api=api, wanted=wanted(filled))
        assert look.view() == followed.source.view()


def test_changes_are_seen_and_wake_the_loop(filled: Cluster) -> None:
    with following(filled) as followed:
        followed.source.view()
        for port in (5001, 5002, 5003):
            followed.wake.clear()
            filled.put_service("knative", port=port)
            assert followed.wake.wait(30)
            followed.until(lambda view, port=port: ports(view) == {"knative": port}, what="port")
        filled.put_service("second", port=443)
        followed.until(lambda view: names(view) == ["knative", "second"], what="a second")
        filled.put_bundle({"ca.crt": "NEW"})
        followed.until(
            lambda view: [bundle.pem for bundle in view.bundles.values()] == ["NEW"],
            what="the new bundle",
        )
        assert followed.ends == {}, "one watch each has seen all of it"


def test_what_is_of_no_concern_wakes_nobody(filled: Cluster) -> None:
    with following(filled) as followed:
        followed.source.view()
        followed.wake.clear()
        filled.put_service("unlabelled", port=81, label=None)
        filled.put_bundle({"ca.crt": "AGAIN"}, name="other")
        filled.put_service("knative", port=5001)
        followed.until(lambda view: ports(view) == {"knative": 5001}, what="the one of concern")
        assert names(followed.source.view()) == ["knative"]


def test_what_is_deleted_leaves_the_view(filled: Cluster) -> None:
    with following(filled) as followed:
        followed.source.view()
        filled.delete_service("knative")
        view = followed.until(lambda view: not view.services, what="the Service is gone")
        assert view.complete
        filled.delete_bundle()
        view = followed.until(lambda view: not view.bundles, what="the bundle is gone")
        assert view.complete
        assert followed.ends["deleted"] == 2


def test_a_label_that_is_taken_away_takes_the_service_away(filled: Cluster) -> None:
    with following(filled) as followed:
        followed.source.view()
        filled.put_service("knative", port=5000, label="false")
        followed.until(lambda view: view.services[0].label == "false", what="the label's value")
        filled.put_service("knative", port=5000, label=None)
        followed.until(lambda view: not view.services, what="the Service without the label")


def test_one_deleted_and_made_anew_is_seen_as_the_new_one(filled: Cluster) -> None:
    with following(filled) as followed:
        followed.source.view()
        for port in range(6000, 6010):
            filled.delete_service("knative")
            filled.put_service("knative", port=port)
        followed.until(lambda view: ports(view) == {"knative": 6009}, what="the last one")


def test_one_made_anew_at_once_is_seen_by_the_same_watch(filled: Cluster) -> None:
    with following(filled, timing=replace(QUICK, silence=(60, 60), confirm=(60, 60))) as followed:
        followed.source.view()
        filled.delete_service("knative")
        filled.put_service("knative", port=6000)
        followed.until(lambda view: ports(view) == {"knative": 6000}, what="the new one")
        assert followed.ends == {}


def test_two_keys_of_one_config_map_cost_one_watch(filled: Cluster) -> None:
    with following(filled, bundle_of(filled), f"{bundle_of(filled)}:revoked") as followed:
        view = followed.source.view()
        assert sorted(bundle.pem for bundle in view.bundles.values()) == ["PEM", "ab"]


def test_a_bundle_in_a_file_needs_no_server(filled: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "bundle.pem"
    path.write_text("FILE")
    with following(filled, f"file:{path}") as followed:
        view = followed.source.view()
        assert view.complete
        assert [bundle.pem for bundle in view.bundles.values()] == ["FILE"]


def test_nothing_at_all_is_known_to_be_nothing(cluster: Cluster) -> None:
    with following(cluster) as followed:
        view = followed.source.view()
        assert view.complete
        assert (view.services, view.bundles) == ((), {})


def test_a_watch_whose_time_is_up_is_followed_by_the_next(filled: Cluster) -> None:
    with following(filled, timing=replace(QUICK, lifetime=(1, 1))) as followed:
        wait_until(lambda: followed.ends.get("timeout", 0) >= 4, what="two watches, twice over")
        filled.put_service("knative", port=5001)
        followed.until(lambda view: ports(view) == {"knative": 5001}, what="the change")
        assert set(followed.ends) == {"timeout"}
        assert followed.source.view().problems == ()
