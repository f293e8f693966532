"""Out of contact is told once, in the server's own words, and takes nothing away."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest

from agent.cluster.kubernetes_source import OneLook
from agent.errors import Reason
from agent.planning.model import ClusterView
from tests.cluster import misbehaviour
from tests.cluster.clusters import StubCluster
from tests.cluster.followed import QUICK, following, names, ports, wanted
from tests.cluster.kube_access import answer, api_over, refusal
from tests.cluster.stub_api_server import Request, StubApiServer
from tests.ground.namespaces import wait_until

CTB = "/apis/certificates.k8s.io/v1beta1/clustertrustbundles"


@pytest.fixture
def cluster(stub: StubApiServer, tmp_path: Path) -> Iterator[StubCluster]:
    cluster = StubCluster(server=stub, directory=tmp_path)
    cluster.put_service("knative", port=5000)
    cluster.put_bundle({"ca.crt": "PEM"})
    yield cluster
    stub.behave()


def reasons(view: ClusterView) -> list[Reason]:
    return [problem.reason for problem in view.problems]


def is_known(view: ClusterView) -> bool:
    return view.complete and not view.problems


def test_out_of_contact_is_one_problem_after_a_while_and_wakes_the_loop(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    with following(cluster) as followed:
        followed.until(is_known, what="the first view")
        followed.wake.clear()
        stub.misbehave = misbehaviour.hangs_up
        stub.cut_connections()
        assert followed.wake.wait(30)
        view = followed.until(lambda view: not view.complete, what="a long absence is told")
        assert reasons(view) == [Reason.API_UNREACHABLE]
        assert str(stub.port) in view.problems[0].where
        assert ports(view) == {"knative": 5000}
        followed.wake.clear()
        stub.behave()
        assert followed.wake.wait(30)
        followed.until(is_known, what="all is well again")


def test_the_last_wake_after_an_outage_shows_that_all_is_well(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    """Nobody looks again without one; a watch opens a while after its list was answered."""

    def opens_watches_late(request: Request) -> bool:
        if request.is_watch:
            request.wait(0.3)
        return False

    with following(cluster) as followed:
        followed.until(is_known, what="the first view")
        stub.misbehave = misbehaviour.hangs_up
        stub.cut_connections()
        view = followed.until(lambda view: not view.complete, what="it is told")
        stub.misbehave = opens_watches_late
        while followed.wake.wait(2):
            followed.wake.clear()
            view = followed.source.view()
        assert is_known(view)


def test_silence_is_looked_into_and_is_no_trouble_where_a_list_is_answered(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    stub.misbehave = misbehaviour.falls_silent
    with following(cluster, timing=replace(QUICK, silence=(0.2, 0.3))) as followed:
        wait_until(lambda: followed.ends.get("silent", 0) > 4, what="two silent watches, twice")
        assert set(followed.ends) == {"silent"}
        assert is_known(followed.source.view())


def test_what_forbids_is_told_in_its_own_words(stub: StubApiServer, cluster: StubCluster) -> None:
    stub.misbehave = lambda request: (
        "services" in request.path and misbehaviour.ALL["forbids"](request)
    )
    with following(cluster) as followed:
        view = followed.source.view()
        assert not view.complete
        assert reasons(view) == [Reason.API_FORBIDDEN]
        assert view.problems[0].where == "Services in registry"
        assert "not for you" in view.problems[0].detail
        assert len(view.bundles) == 1


def test_one_that_may_list_and_may_not_watch_polls_and_says_so(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    stub.misbehave = lambda request: request.is_watch and misbehaviour.ALL["forbids"](request)
    with following(cluster) as followed:
        view = followed.until(lambda view: len(view.problems) == 2, what="it is told")
        assert set(reasons(view)) == {Reason.API_FORBIDDEN}
        assert view.complete, "what is listed is known"
        cluster.put_service("knative", port=5001)
        followed.until(lambda view: ports(view) == {"knative": 5001}, what="the change")


@pytest.mark.parametrize("way", ["hangs up", "says nothing", "does not know us", "is not ready"])
def test_a_server_that_was_never_in_contact_is_unknown_and_not_empty(
    stub: StubApiServer, cluster: StubCluster, way: str
) -> None:
    stub.misbehave = misbehaviour.ALL[way]
    with following(cluster) as followed:
        began = monotonic()
        view = followed.source.view()
        assert monotonic() - began < 5
        assert not view.complete
        assert len(view.problems) >= 1


def test_the_first_view_does_not_wait_for_a_stop(stub: StubApiServer, cluster: StubCluster) -> None:
    stub.misbehave = misbehaviour.says_nothing
    with following(cluster) as followed:
        threading.Timer(0.2, followed.stop.set).start()
        began = monotonic()
        assert not followed.source.view().complete
        assert monotonic() - began < 0.8


def test_a_deletion_is_believed_only_when_a_list_confirms_it(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    def lists_nothing_at_all(request: Request) -> bool:
        return not request.is_watch and misbehaviour.hangs_up(request)

    with following(cluster) as followed:
        followed.until(is_known, what="the first view")
        stub.misbehave = lists_nothing_at_all
        cluster.delete_service("knative")
        wait_until(lambda: followed.ends.get("unreachable", 0) > 2, what="lists were tried")
        assert names(followed.source.view()) == ["knative"]
        stub.behave()
        view = followed.until(lambda view: not view.services, what="it is confirmed")
        assert view.complete


def test_a_label_that_comes_and_goes_is_looked_into_ever_more_seldom(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    stub.misbehave = misbehaviour.ALL["deletes at once, for ever"]
    timing = replace(QUICK, spread=(0, 0), settled=60.0, first_backoff=0.2, last_backoff=30.0)
    with following(cluster, timing=timing) as followed:
        wait_until(lambda: followed.ends.get("deleted", 0) >= 2, what="the first is quick")
        threading.Event().wait(3)
        assert followed.ends["deleted"] < 24, "two watches, whose waits double from 0.1 s"


def test_the_server_gets_the_time_that_it_asks_for(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    later = misbehaviour.ALL["has no time"]
    stub.misbehave = lambda request: "services" in request.path and later(request)
    with following(cluster) as followed:
        wait_until(lambda: followed.ends.get("refused", 0) >= 3, what="three attempts")
    times = [time for time, path in stub.requests if "services" in path]
    assert all(second - first >= 1.0 for first, second in pairwise(times))


def test_an_event_of_no_known_kind_is_not_passed_over(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    def novelty(request: Request) -> bool:
        if request.is_watch:
            request.begin_stream()
            request.say_event("SPLENDID", {})
            request.await_end()
        return request.is_watch

    stub.misbehave = novelty
    with following(cluster) as followed:
        wait_until(lambda: followed.ends.get("unreachable", 0) > 2, what="it is taken for a break")


def test_an_older_server_is_asked_for_the_older_version(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    gone = refusal(404, "NotFound", "the server could not find the requested resource")
    absent = misbehaviour.answers(gone)
    stub.misbehave = lambda request: "/v1/cluster" in request.path and absent(request)
    stub.objects.put(CTB, {"metadata": {"name": "ca"}, "spec": {"trustBundle": "PEM"}})
    with following(cluster, "clustertrustbundle:ca") as followed:
        view = followed.source.view()
        assert view.complete
        assert [bundle.pem for bundle in view.bundles.values()] == ["PEM"]


@pytest.mark.parametrize("phase", ["follows", "falls silent", "says nothing", "drips headers"])
def test_every_thread_ends_within_a_second(
    stub: StubApiServer, cluster: StubCluster, phase: str
) -> None:
    stub.misbehave = misbehaviour.ALL.get(phase, stub.misbehave)
    timing = replace(QUICK, silence=(60, 60))
    with following(cluster, timing=timing, read_seconds=60.0) as followed:
        wait_until(lambda: len(stub.requests) >= 2, what="they are at it")
        began = monotonic()
        followed.source.close()
        assert monotonic() - began < 1.0
        assert not [t for t in threading.enumerate() if t.name.startswith("watch ")]


def test_a_look_tells_what_it_could_not_see(stub: StubApiServer, cluster: StubCluster) -> None:
    stub.misbehave = misbehaviour.hangs_up
    with api_over(cluster.access) as api:
        view = OneLook(api=api, wanted=wanted(cluster)).view()
    assert not view.complete
    assert reasons(view) == [Reason.API_UNREACHABLE]


def test_an_unreadable_object_is_told_and_is_not_absent(
    stub: StubApiServer, cluster: StubCluster
) -> None:
    odd = {"metadata": {"name": "registry-trust"}, "data": []}
    document = {
        "kind": "ConfigMapList",
        "metadata": {"resourceVersion": "1"},
        "items": [odd],
    }
    listed = misbehaviour.answers(answer(document))
    stub.misbehave = lambda request: "configmaps" in request.path and listed(request)
    with api_over(cluster.access) as api:
        view = OneLook(api=api, wanted=wanted(cluster)).view()
    assert not view.complete
    assert reasons(view) == [Reason.BAD_MANIFEST]
