"""A directory of manifests is the cluster: what cannot be read is unknown, never absent."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cluster import manifests
from agent.cluster.manifest_file import MAX_FILE_BYTES, read_manifests
from agent.cluster.manifests import ManifestsSource
from agent.errors import ClusterTrouble, Problem, Reason
from agent.planning.model import ClusterView
from agent.planning.trust_bundle import MAX_BUNDLE_BYTES
from agent.planning.trust_reference import parse_trust_reference
from agent.ports import Source

REFERENCE = "configmap:registry-trust/registry-trust"


def service(name: str = "knative", *, namespace: str = "registry", ip: str = "10.96.0.50") -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
  labels: {{registry-node-agent.internal/registry: "true"}}
spec:
  clusterIPs: [{ip}]
  ports: [{{port: 443}}]
"""


CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: registry-trust, namespace: registry-trust}
data: {ca.crt: PEM, revoked: ab}
"""
UNRELATED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: [odd]}
---
apiVersion: example.org/v1
kind: AllowList
"""


def source(directory: Path, *references: str) -> ManifestsSource:
    return ManifestsSource(
        directory=directory,
        namespaces=["registry"],
        references=[parse_trust_reference(text) for text in references or (REFERENCE,)],
    )


def names(view: ClusterView) -> list[str]:
    return [str(found.registry) for found in view.services]


def only_problem(view: ClusterView) -> Problem:
    assert not view.complete
    (problem,) = view.problems
    return problem


def test_services_and_bundles_are_found_in_every_file(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(service() + "---\n" + service("builds"))
    (tmp_path / "a.yml").write_text(CONFIG_MAP + "---\n" + UNRELATED)
    directory: Source = source(tmp_path)
    view = directory.view()

    assert view.complete
    assert view.problems == ()
    assert names(view) == ["registry/builds", "registry/knative"]
    assert view.bundles[REFERENCE].pem == "PEM"
    assert view.bundles[REFERENCE].revoked == "ab"


def test_json_and_lists_are_read_as_kubectl_writes_them(tmp_path: Path) -> None:
    items = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": name,
                "namespace": "registry",
                "labels": {"registry-node-agent.internal/registry": "true"},
            },
        }
        for name in ("one", "two")
    ]
    whole = {"apiVersion": "v1", "kind": "List", "items": items[:1]}
    bare = {
        "apiVersion": "v1",
        "kind": "ServiceList",
        "items": [{"metadata": items[1]["metadata"]}],
    }
    (tmp_path / "a.json").write_text(json.dumps(whole))
    (tmp_path / "b.json").write_text(json.dumps(bare))

    assert names(source(tmp_path).view()) == ["registry/one", "registry/two"]


def test_a_cluster_trust_bundle_is_found_by_a_name_with_colons(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: certificates.k8s.io/v1beta1\nkind: ClusterTrustBundle\n"
        "metadata: {name: 'kreg.example:serving:v1'}\nspec: {trustBundle: PEM}\n"
    )
    reference = "clustertrustbundle:kreg.example:serving:v1"

    assert source(tmp_path, reference).view().bundles[reference].pem == "PEM"


def test_two_keys_of_one_config_map_are_two_bundles(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG_MAP.replace("ca.crt: PEM", "ca.crt: PEM, b: OTHER"))
    view = source(tmp_path, REFERENCE, f"{REFERENCE}:b").view()

    assert [view.bundles[text].pem for text in (REFERENCE, f"{REFERENCE}:b")] == ["PEM", "OTHER"]


def test_what_is_not_for_us_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(service(namespace="other"))
    (tmp_path / "b.yaml").write_text(service().replace("labels", "annotations"))
    (tmp_path / ".hidden.yaml").write_text("{")
    (tmp_path / "c.yaml~").write_text("{")
    (tmp_path / "README.md").write_text("{")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "d.yaml").write_text(service())
    (tmp_path / "comments.yaml").write_text("# nothing\n---\n---\n# at all\n")
    view = source(tmp_path).view()

    assert view == ClusterView(services=(), bundles={}, complete=True)


def test_the_links_of_a_mounted_config_map_are_followed(tmp_path: Path) -> None:
    for version, ip in (("..1", "10.96.0.1"), ("..2", "10.96.0.2")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(service(ip=ip))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    directory = source(tmp_path)
    assert directory.view().services[0].cluster_ips == ("10.96.0.1",)

    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    assert directory.view().services[0].cluster_ips == ("10.96.0.2",)


@pytest.mark.parametrize(
    ("what", "content", "where"),
    [
        ("half written", "apiVersion: v1\nkind: [", ":3"),
        ("of another format", "# x\n\ta = 1", ":2"),
        ("empty", "", ""),
        ("blank", " \n", ""),
        ("a scalar", "hello", ":1"),
        ("a list", "- apiVersion: v1", ":1"),
        ("no Kubernetes object", "name: x", ":1"),
        ("a list without items", "apiVersion: v1\nkind: List", ":1"),
        ("a list of scalars", "apiVersion: v1\nkind: List\nitems: [1]", ":1 item 1"),
        ("a broken Service", service("other").replace("443", "'443'"), ":1"),
        ("a Service without a namespace", service().replace("  namespace: registry\n", ""), ":1"),
        ("broken in its second document", service("other") + "---\n{", ":12"),
        ("too large", service("other") + "#" * MAX_FILE_BYTES, ""),
    ],
)
def test_a_file_that_cannot_be_used_makes_the_view_incomplete_and_leaves_the_others(
    tmp_path: Path, what: str, content: str, where: str
) -> None:
    (tmp_path / "bad.yaml").write_text(content)
    (tmp_path / "good.yaml").write_text(service())
    view = source(tmp_path).view()

    assert names(view) == ["registry/knative"], what
    assert only_problem(view).reason == Reason.BAD_MANIFEST
    assert only_problem(view).where == f"{tmp_path}/bad.yaml{where}"


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_directory(path: Path) -> None:
    path.mkdir()


def make_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [make_pipe, make_directory, make_dangling_link])
def test_what_is_no_plain_file_is_reported_and_never_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "odd.yaml")

    assert only_problem(source(tmp_path).view()).where == f"{tmp_path}/odd.yaml"


@pytest.mark.parametrize("same_file", [True, False])
def test_an_object_given_twice_is_unknown_and_both_places_are_named(
    tmp_path: Path, same_file: bool
) -> None:
    second = service(ip="10.96.0.51")
    if same_file:
        (tmp_path / "a.yaml").write_text(service() + "---\n" + second)
    else:
        (tmp_path / "a.yaml").write_text(service())
        (tmp_path / "b.yaml").write_text(second)
    problem = only_problem(source(tmp_path).view())

    assert names(source(tmp_path).view()) == []
    assert problem.reason == Reason.DUPLICATE_OBJECT
    assert (problem.where, problem.registry) == ("Service registry/knative", "registry/knative")
    assert f"{tmp_path}/a.yaml:1" in problem.detail
    assert (f"{tmp_path}/a.yaml:11" if same_file else f"{tmp_path}/b.yaml:1") in problem.detail


def test_a_second_copy_without_the_label_is_a_duplicate_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(service())
    (tmp_path / "b.yaml").write_text(service().replace("labels", "annotations"))

    assert only_problem(source(tmp_path).view()).reason == Reason.DUPLICATE_OBJECT


def test_a_reference_of_two_namespaces_is_looked_up_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG_MAP + "---\n" + CONFIG_MAP)

    assert len(source(tmp_path, REFERENCE, REFERENCE).view().problems) == 1


def test_a_bundle_given_twice_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG_MAP)
    (tmp_path / "b.yaml").write_text(CONFIG_MAP)
    view = source(tmp_path).view()

    assert view.bundles == {}
    assert only_problem(view).where == "ConfigMap registry-trust/registry-trust"


@pytest.mark.parametrize("is_file", [True, False])
def test_a_directory_that_is_not_there_says_nothing_about_the_cluster(
    tmp_path: Path, is_file: bool
) -> None:
    if is_file:
        (tmp_path / "manifests").write_text(service())
    with pytest.raises(ClusterTrouble) as trouble:
        source(tmp_path / "manifests").view()

    assert trouble.value.problem.reason == Reason.MANIFESTS_UNREADABLE
    assert trouble.value.problem.where == f"{tmp_path}/manifests"


def test_an_empty_directory_is_a_cluster_without_a_registry(tmp_path: Path) -> None:
    assert source(tmp_path).view().complete


def test_a_bundle_is_read_from_a_file_of_the_agent_itself(tmp_path: Path) -> None:
    reference = f"file:{tmp_path}/ca.pem"
    assert source(tmp_path, reference).view() == ClusterView(services=(), bundles={}, complete=True)

    (tmp_path / "ca.pem").write_bytes(b"PEM \xff")
    assert source(tmp_path, reference).view().bundles[reference].pem == "PEM \ufffd"

    (tmp_path / "ca.pem").write_bytes(b"#" * 10 * MAX_BUNDLE_BYTES)
    assert len(source(tmp_path, reference).view().bundles[reference].pem) == MAX_BUNDLE_BYTES + 1


def test_a_bundle_file_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    reference = f"file:{tmp_path}"
    problem = only_problem(source(tmp_path, reference).view())

    assert (problem.reason, problem.where) == (Reason.MANIFESTS_UNREADABLE, reference)


def test_the_directories_to_watch_are_those_that_are_read(tmp_path: Path) -> None:
    directory = source(tmp_path, REFERENCE, f"file:{tmp_path}/x", "file:/etc/ca/ca.pem")

    assert directory.directories == (tmp_path, Path("/etc/ca"))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the names of the files that are parsed."""
    found: list[str] = []

    def counting(path: Path, content: bytes) -> object:
        found.append(path.name)
        return read_manifests(path, content)

    monkeypatch.setattr(manifests, "read_manifests", counting)
    return found


def test_only_what_changed_is_parsed_again(tmp_path: Path, parsed: list[str]) -> None:
    for name in "abc":
        (tmp_path / f"{name}.yaml").write_text(service(name))
    directory = source(tmp_path)
    threading.Event().wait(0.15)  # until the files count as settled
    first = directory.view()
    assert directory.view() == first
    assert parsed == ["a.yaml", "b.yaml", "c.yaml"]

    (tmp_path / "b.yaml").write_text(service("other"))
    assert names(directory.view()) == ["registry/a", "registry/c", "registry/other"]
    assert parsed[3:] == ["b.yaml"]


def test_what_may_change_again_in_the_same_tick_is_parsed_again(
    tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "_RACY_NANOSECONDS", 3600 * 10**9)
    (tmp_path / "a.yaml").write_text(service())
    directory = source(tmp_path)
    directory.view()
    directory.view()

    assert parsed == ["a.yaml", "a.yaml"]


def test_a_change_of_equal_length_in_the_same_tick_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    directory = source(tmp_path)
    for number in range(200):
        path.write_text(service(ip=f"10.96.0.{100 + number % 100}"))
        assert directory.view().services[0].cluster_ips == (f"10.96.0.{100 + number % 100}",)
