"""Each component, with the whole of `deploy/` and with what is left of it elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.cluster import AGENT, Cluster
from tests.manifests.kustomizations import DEPLOY, build, components, containers, only, overlay
from tests.manifests.test_apply import BY_HAND

pytestmark = pytest.mark.realcluster

LAYOUTS = [name for name in components() if name.startswith("layout-")]
OF_THE_AGENT = ["narrow-mounts", "openshift", "reload", "remove", *LAYOUTS]


@pytest.mark.parametrize("component", components())
def test_is_taken_without_a_warning(cluster: Cluster, component: str, tmp_path: Path) -> None:
    whole = overlay(tmp_path, component)
    asked = ["apply", *BY_HAND.split(), "--dry-run=server", f"--kustomize={whole}"]
    done = cluster.kubectl.call(*asked)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("component", OF_THE_AGENT)
def test_those_of_the_agent_fit_to_the_base_alone(component: str, tmp_path: Path) -> None:
    assert build(overlay(tmp_path, component, resources=[DEPLOY / "base"]))


@pytest.mark.parametrize("component", LAYOUTS)
def test_that_of_a_layout_mounts_one_directory_more_and_makes_none(
    component: str, tmp_path: Path
) -> None:
    base = only(build(DEPLOY / "base"), "DaemonSet")["spec"]["template"]["spec"]
    whole = overlay(tmp_path, component, resources=[DEPLOY / "base"])
    pod = only(build(whole), "DaemonSet")["spec"]["template"]["spec"]
    (added,) = (volume for volume in pod["volumes"] if volume not in base["volumes"])
    before = base["containers"][0]["volumeMounts"]
    (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one not in before)
    assert added["hostPath"]["type"] == "Directory"
    assert mount["name"] == added["name"]
    assert mount["mountPath"] == f"/host{added['hostPath']['path']}"
    assert mount["mountPropagation"] == "HostToContainer"


def test_openshift_admits_what_the_agent_asks_for(tmp_path: Path) -> None:
    objects = build(overlay(tmp_path, "openshift"))
    allowed = only(objects, "SecurityContextConstraints")
    pod = only(objects, "DaemonSet")["spec"]["template"]["spec"]
    assert allowed["users"] == [f"system:serviceaccount:{AGENT}:{pod['serviceAccountName']}"]
    kinds = {kind for volume in pod["volumes"] for kind in volume} - {"name"}
    assert kinds | {"projected"} == set(allowed["volumes"])  # the token's is projected
    assert pod["hostNetwork"] == allowed["allowHostNetwork"]
    assert not pod.get("hostPID", False)
    security = pod["containers"][0]["securityContext"]
    assert security["capabilities"]["drop"] == allowed["requiredDropCapabilities"]
    for name in ("allowPrivilegeEscalation", "readOnlyRootFilesystem"):
        assert security[name] == allowed[name]
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"


def test_openshift_chooses_the_user_of_the_registry(tmp_path: Path) -> None:
    registry = only(build(overlay(tmp_path, "openshift")), "Deployment", "registry")
    security: Mapping[str, Any] = registry["spec"]["template"]["spec"]["securityContext"]
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(security)


@pytest.mark.parametrize("component", ["registry-on-s3", "registry-on-gcs"])
def test_a_registry_on_a_bucket_sends_no_node_there(component: str, tmp_path: Path) -> None:
    objects = build(overlay(tmp_path, component))
    (files,) = (thing for thing in objects if thing["kind"] == "ConfigMap")
    assert "redirect:\n    disable: true" in files["data"]["registry.yaml"]
    assert "@layer" not in files["data"]["layers.conf"]
    mounts = [
        mount
        for one in containers(only(objects, "Deployment", "registry"))
        for mount in one["volumeMounts"]
    ]
    assert "images" not in {mount["name"] for mount in mounts}


@pytest.mark.parametrize(
    "component", ["registry-on-s3", "registry-on-gcs", "registry-without-volume"]
)
def test_a_registry_that_needs_no_volume_claims_none(component: str, tmp_path: Path) -> None:
    objects = build(overlay(tmp_path, component))
    assert "PersistentVolumeClaim" not in {thing["kind"] for thing in objects}
