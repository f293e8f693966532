"""One cluster per session with all of `deploy/` applied to it, and the registry run for real."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.ground import programs
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.manifests.cluster import AGENT, OTHER, OWN, AgentApi, Cluster, deployed
from tests.manifests.registry_pod import RegistryPod
from tests.manifests.registry_scene import RegistryScene
from tests.missing_programs import found_or_skipped


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """`deploy/` on a real control plane."""
    with ExitStack() as stack:
        what = "deploy/ on a real API server"
        yield found_or_skipped(what, lambda: stack.enter_context(deployed()))


@pytest.fixture(scope="module", params=["the rights of the manifests", "every right"])
def rights(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[None]:
    """Once as deployed, and once so that only the admission policies stand in the way."""
    if request.param == "the rights of the manifests":
        yield
        return
    account = ("--clusterrole=cluster-admin", f"--serviceaccount={AGENT}:{AGENT}")
    cluster.kubectl("create", "clusterrolebinding", "every-right", *account)
    wait_until(lambda: may_do_all(cluster), what="the agent has every right")
    yield
    cluster.kubectl("delete", "clusterrolebinding", "every-right")
    wait_until(lambda: not may_do_all(cluster), what="the agent has its own rights again")


def may_do_all(cluster: Cluster) -> bool:
    return cluster.as_agent().call("auth", "can-i", "*", "*").returncode == 0


@pytest.fixture
def agent(cluster: Cluster) -> Iterator[AgentApi]:
    """The API server as the agent of the own node has it."""
    with cluster.api_as(OWN) as api:
        yield api


@pytest.fixture
def other_agent(cluster: Cluster) -> Iterator[AgentApi]:
    """The API server as the agent of the other node has it."""
    with cluster.api_as(OTHER) as api:
        yield api


@pytest.fixture
def unbound_agent(cluster: Cluster) -> Iterator[AgentApi]:
    """The API server as somebody has it whose token is the agent's, but of no pod."""
    with cluster.api_as("") as api:
        yield api


@pytest.fixture
def scene() -> Iterator[RegistryScene]:
    """A node beside the deployed registry, which has one image."""
    what = "deploy/registry"
    containerd = found_or_skipped(what, lambda: programs.containerd("2.1"))
    for program in (programs.front, programs.distribution, programs.crane):
        found_or_skipped(what, program)
    with Node(containerd=containerd) as node, RegistryPod(node=node) as pod:
        made = RegistryScene(node=node, pod=pod)
        made.start()
        yield made
