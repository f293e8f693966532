"""Whatever the API server does, the last good view is kept, calmly; then all is well again.

Everything goes about fifty times as fast as in life.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from tests.cluster import misbehaviour
from tests.cluster.clusters import StubCluster
from tests.cluster.followed import QUICK, Followed, following, ports
from tests.cluster.misbehaviour import Misbehaviour
from tests.cluster.stub_api_server import StubApiServer
from tests.ground.namespaces import wait_until

SECONDS = 2.0
MOST_REQUESTS = 80
"""Two watches, each with a wait of 0.2 s on average between the turns, and two requests in each."""

_REST = Event()  # never set: waiting on it is a pause


@pytest.fixture
def cluster(stub: StubApiServer, tmp_path: Path) -> StubCluster:
    cluster = StubCluster(server=stub, directory=tmp_path)
    cluster.put_service("knative", port=5000)
    cluster.put_bundle({"ca.crt": "PEM"})
    return cluster


@pytest.fixture
def followed(stub: StubApiServer, cluster: StubCluster) -> Iterator[Followed]:
    """Its watches stand, so that to cut what is open cuts them."""
    with following(cluster, timing=replace(QUICK, silence=(0.4, 0.5))) as followed:
        wait_until(
            lambda: sum("watch=" in path for _, path in stub.requests) >= 2, what="both watches"
        )
        assert followed.source.view().complete
        yield followed


@pytest.mark.parametrize("misbehave", misbehaviour.ALL.values(), ids=misbehaviour.ALL)
def test_the_view_is_kept_in_calm_and_follows_again_afterwards(
    stub: StubApiServer, cluster: StubCluster, followed: Followed, misbehave: Misbehaviour
) -> None:
    threads = threading.active_count()
    stub.misbehave = misbehave
    stub.cut_connections()
    before = len(stub.requests)
    _REST.wait(SECONDS)
    view = followed.source.view()
    assert ports(view) == {"knative": 5000}
    assert [bundle.pem for bundle in view.bundles.values()] == ["PEM"]
    requests = len(stub.requests) - before
    assert 2 <= requests <= MOST_REQUESTS
    stub.behave()
    cluster.put_service("knative", port=5001)
    followed.until(lambda view: ports(view) == {"knative": 5001}, what="the change after it")
    followed.until(lambda view: view.complete and not view.problems, what="all is well")
    wait_until(lambda: stub.connections <= 4, what="no connection is left over")
    wait_until(lambda: threading.active_count() <= threads + 2, what="no thread is left over")
