"""The trust controller's pods: admitted where they run, and told what they may be told."""

from collections.abc import Mapping
from typing import Any

import pytest

from agent.flags import FLAGS
from tests.ground.namespaces import wait_until
from tests.manifests.cluster import Cluster
from tests.manifests.issuer import ISSUER, TRUST
from tests.manifests.kustomizations import DEPLOY, Object, build, containers, only

pytestmark = pytest.mark.realcluster

ISSUING = DEPLOY / "issuer"


def deployment() -> Object:
    return only(build(ISSUING), "Deployment")


def container() -> Mapping[str, Any]:
    (found,) = containers(deployment())
    return found


def test_two_of_them_are_admitted_into_a_restricted_namespace(cluster: Cluster) -> None:
    def pods() -> list[Any]:
        labels = "--selector=app.kubernetes.io/name=registry-trust-issuer"
        found: list[Any] = cluster.kubectl.get("pods", labels, f"--namespace={TRUST}")["items"]
        placed = [pod for pod in found if pod["spec"].get("nodeName")]
        return placed if len(placed) == 2 else []

    first, second = wait_until(pods, what="both pods are placed")
    assert first["spec"]["nodeName"] != second["spec"]["nodeName"]
    assert first["spec"]["serviceAccountName"] == ISSUER


def test_it_is_the_image_of_the_agent() -> None:
    (agent,) = containers(only(build(DEPLOY / "base"), "DaemonSet"))
    assert container()["image"] == agent["image"]


def test_it_is_told_only_flags_that_there_are() -> None:
    command, *flags = container()["args"]
    assert command == "issue"
    known = {f"--{flag.name}" for flag in FLAGS}
    assert {flag.partition("=")[0] for flag in flags} <= known


def test_the_probe_that_ends_it_asks_only_whether_it_lives() -> None:
    assert container()["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_only_its_metrics_can_be_reached_from_outside() -> None:
    policy = only(build(ISSUING), "NetworkPolicy", ISSUER)["spec"]
    assert policy["podSelector"] == deployment()["spec"]["selector"]
    [rule] = policy["ingress"]
    assert rule == {"ports": [{"port": "metrics", "protocol": "TCP"}]}
    nothing = only(build(ISSUING), "NetworkPolicy", "nothing")["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
