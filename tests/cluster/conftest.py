"""API servers for the tests of this room: the stub, and the real one where it can be had."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.clusters import Cluster, RealCluster, StubCluster
from tests.cluster.stub_api_server import StubApiServer, stub_api_server
from tests.ground.control_plane import ControlPlane


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[StubApiServer]:
    with stub_api_server(tmp_path) as server:
        yield server


@pytest.fixture(params=["stub", pytest.param("real", marks=pytest.mark.realcluster)])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A namespace of its own on the stub, and again on the real API server."""
    if request.param == "stub":
        stub: StubApiServer = request.getfixturevalue("stub")
        yield StubCluster(server=stub, directory=tmp_path)
        return
    control_plane: ControlPlane = request.getfixturevalue("control_plane")
    real = RealCluster(control_plane, request.getfixturevalue("namespace"))
    yield real
    real.close()
