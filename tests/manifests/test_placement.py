"""On which Nodes a real DaemonSet controller and scheduler put the agent."""

import json

import pytest

from tests.ground.namespaces import wait_until
from tests.manifests.cluster import AGENT, Cluster
from tests.manifests.kustomizations import build, only

pytestmark = pytest.mark.realcluster

TAINTS = [
    {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/network-unavailable", "effect": "NoSchedule"},
    {"key": "somebody.example/own", "value": "yes", "effect": "NoExecute"},
]
LEFT_OUT = {
    "windows": {"kubernetes.io/os": "windows"},
    "mainframe": {"kubernetes.io/arch": "s390x"},
    "virtual": {"type": "virtual-kubelet"},
    "fargate": {"eks.amazonaws.com/compute-type": "fargate"},
}


def test_on_a_node_of_the_other_architecture_whatever_its_taints(cluster: Cluster) -> None:
    cluster.add_node("tainted", **{"kubernetes.io/arch": "arm64"})
    patch = json.dumps({"spec": {"taints": TAINTS}})
    cluster.kubectl("patch", "node", "tainted", "--type=merge", f"--patch={patch}")
    assert cluster.pod_on("tainted")
    cluster.kubectl("delete", "node", "tainted")


@pytest.mark.parametrize("name", LEFT_OUT)
def test_on_no_node_that_could_not_run_it(cluster: Cluster, name: str) -> None:
    cluster.add_node(name, **LEFT_OUT[name])
    cluster.add_node(f"last-before-{name}")
    assert cluster.pod_on(f"last-before-{name}")
    pods = cluster.kubectl.get("pods", f"--namespace={AGENT}")["items"]
    wanted = {json.dumps(pod["spec"]["affinity"]["nodeAffinity"]) for pod in pods}
    assert not [affinity for affinity in wanted if f'"{name}"' in affinity]
    cluster.kubectl("delete", "node", name, f"last-before-{name}")


def test_few_at_once_when_it_changes() -> None:
    strategy = only(build(), "DaemonSet")["spec"]["updateStrategy"]
    assert strategy["rollingUpdate"] == {"maxUnavailable": "10%"}


def test_node_critical_as_the_quota_of_its_namespace_allows(cluster: Cluster) -> None:
    def counted() -> bool:
        quota = cluster.kubectl.get("quota", "node-critical-pods", f"--namespace={AGENT}")
        return int(quota["status"].get("used", {}).get("pods", 0)) >= 2

    wait_until(counted, what="the agent's pods are counted by the quota")
