"""One cluster per session with everything of `deploy/` applied to it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agent.cluster.api import Api
from tests.manifests.cluster import OTHER, OWN, Cluster, deployed
from tests.missing_programs import found_or_skipped


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """`deploy/` on a real control plane."""
    with ExitStack() as stack:
        what = "deploy/ on a real API server"
        yield found_or_skipped(what, lambda: stack.enter_context(deployed()))


@pytest.fixture
def agent(cluster: Cluster) -> Iterator[Api]:
    """The API server as the agent of the own node has it."""
    with cluster.api_as(OWN) as api:
        yield api


@pytest.fixture
def other_agent(cluster: Cluster) -> Iterator[Api]:
    """The API server as the agent of the other node has it."""
    with cluster.api_as(OTHER) as api:
        yield api


@pytest.fixture
def unbound_agent(cluster: Cluster) -> Iterator[Api]:
    """The API server as somebody has it whose token is the agent's, but of no pod."""
    with cluster.api_as("") as api:
        yield api
