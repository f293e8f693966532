"""deploy/remove: the agents of a fleet become those that remove, and stay, on every node."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from agent.settings import read_settings
from tests.ground.namespaces import wait_until
from tests.manifests.cluster import AGENT, OTHER, OWN, Cluster, deployed
from tests.manifests.kustomizations import DEPLOY, Object, build, containers, only
from tests.missing_programs import found_or_skipped

pytestmark = pytest.mark.realcluster

REMOVE = DEPLOY / "remove"
DAEMONSET = ("daemonset", AGENT, f"--namespace={AGENT}")


POOL = {"key": "pool", "operator": "In", "values": ["first"]}
TERMS = {"nodeSelectorTerms": [{"matchExpressions": [POOL]}]}
AFFINITY = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": TERMS}}


def overlaid(directory: Path, patch: Object, *, resource: Path = DEPLOY) -> None:
    """A kustomization that changes the DaemonSet."""
    named = {"apiVersion": "apps/v1", "kind": "DaemonSet"}
    metadata = {"name": AGENT, "namespace": AGENT}
    content = {
        "resources": [os.path.relpath(resource, directory)],
        "patches": [{"path": "patch.yaml"}],
    }
    (directory / "kustomization.yaml").write_text(yaml.dump(content))
    (directory / "patch.yaml").write_text(yaml.dump({**named, "metadata": metadata, **patch}))


@pytest.fixture(params=[{"nodeSelector": {"pool": "first"}}, {"affinity": AFFINITY}], ids=str)
def narrowed(request: pytest.FixtureRequest, tmp_path: Path, own_cluster: Cluster) -> Cluster:
    """A cluster whose agent is deployed to one pool, after it was on both nodes."""
    own_cluster.kubectl("label", "node", OWN, "pool=first")
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    overlaid(overlay, {"spec": {"template": {"spec": request.param}}})
    own_cluster.kubectl("apply", f"--kustomize={overlay}")
    wait_until(lambda: nodes_wanted(own_cluster) == 1, what="the agent is wanted on one node")
    return own_cluster


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """For this test alone: there is no kubelet that would end the pods that are to go."""
    with found_or_skipped("deploy/remove on a real API server", deployed) as cluster:
        assert cluster.pod_on(OWN)
        assert cluster.pod_on(OTHER)
        yield cluster


def nodes_wanted(cluster: Cluster) -> int:
    """On how many nodes the DaemonSet, as it is now, wants to be."""
    daemonset = cluster.kubectl.get(*DAEMONSET)
    is_seen = daemonset["status"]["observedGeneration"] == daemonset["metadata"]["generation"]
    return int(daemonset["status"]["desiredNumberScheduled"]) if is_seen else -1


def test_it_reaches_nodes_that_had_left_the_selector(narrowed: Cluster) -> None:
    narrowed.kubectl("apply", f"--kustomize={REMOVE}")
    wait_until(lambda: nodes_wanted(narrowed) == 2, what="it is wanted on both nodes")


def test_an_overlay_of_ones_own_becomes_a_removal_on_every_node(
    narrowed: Cluster, tmp_path: Path
) -> None:
    around = tmp_path / "removal"
    around.mkdir()
    component = os.path.relpath(DEPLOY / "components/remove", around)
    content = {"resources": ["../overlay"], "components": [component]}
    (around / "kustomization.yaml").write_text(yaml.dump(content))
    narrowed.kubectl("apply", f"--kustomize={around}")
    wait_until(lambda: nodes_wanted(narrowed) == 2, what="it is wanted on both nodes")


def test_to_try_one_node_first_its_pod_is_deleted_and_the_others_stay(
    own_cluster: Cluster, tmp_path: Path
) -> None:
    patch = {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}}
    overlaid(tmp_path, patch, resource=REMOVE)
    own_cluster.kubectl("apply", f"--kustomize={tmp_path}")
    pod = ("pod", own_cluster.pod_on(OWN), f"--namespace={AGENT}")
    own_cluster.kubectl("delete", *pod, "--force", "--grace-period=0")
    wait_until(lambda: first_argument(own_cluster, OWN) == "remove", what="it removes there")
    assert first_argument(own_cluster, OTHER) == "run"


def first_argument(cluster: Cluster, node: str) -> str:
    """Of the agent's pod on that node; "" while there is none."""
    pods = cluster.kubectl.get("pods", f"--namespace={AGENT}")["items"]
    found = (pod["spec"] for pod in pods if pod["spec"].get("nodeName") == node)
    return next((str(spec["containers"][0]["args"][0]) for spec in found), "")


def test_the_base_and_the_removal_want_the_same_nodes() -> None:
    pods = [
        only(build(where), "DaemonSet")["spec"]["template"]["spec"]
        for where in (DEPLOY / "base", REMOVE)
    ]
    base, removal = (
        {key: pod.get(key) for key in ("affinity", "nodeSelector", "tolerations")} for pod in pods
    )
    assert base == removal


def test_all_nodes_at_once(tmp_path: Path) -> None:
    daemonset = only(build(REMOVE), "DaemonSet")
    assert daemonset["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == "100%"
    (container,) = containers(daemonset)
    arguments = [part.replace("/host", str(tmp_path)) for part in container["args"][:3]]
    settings = read_settings(arguments, {})
    assert (settings.command, settings.stay) == ("remove", True)


def test_all_else_is_as_deployed() -> None:
    removing, deployed_before = build(REMOVE), build(DEPLOY / "base")
    differing = [
        thing["kind"]
        for thing, other in zip(removing, deployed_before, strict=True)
        if thing != other
    ]
    assert differing == ["DaemonSet"]


def test_to_delete_it_leaves_the_registry_and_the_bundle() -> None:
    namespaces = [
        thing["metadata"]["name"] for thing in build(REMOVE) if thing["kind"] == "Namespace"
    ]
    assert sorted(namespaces) == [AGENT, f"{AGENT}-turns"]
