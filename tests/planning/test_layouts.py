"""The layout is found from the node's own traces, and adds only what nobody else can tell."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.layout_choice import (
    Traces,
    apply_layout,
    check_supported,
    choose_layout,
    usual_roots,
)
from agent.planning.layouts import LAYOUTS, Layout
from agent.planning.model import ConfigChange, HostPath, RuntimeView
from agent.planning.node_state import State, state_of

ETC = "/etc/containerd/config.toml"
MOVED = "/data/agent/etc/containerd/config.toml"
K3S = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml"


def traces(
    *markers: str, os_id: str = "", node_name: str = "node-a", moved: Mapping[str, str] = {}
) -> Traces:
    return Traces(markers=frozenset(markers), os_id=os_id, node_name=node_name, moved=moved)


def chosen(found: Traces, *told: str, setting: str = "auto") -> str:
    return choose_layout(found, setting=setting, told=told).layout.name


def view(config: str, *, text: str = "") -> RuntimeView:
    """A containerd 1.7 that has no config_path, with the edit that would set it."""
    path = HostPath(config)
    return RuntimeView(
        kind="containerd",
        version="1.7.24",
        pid=7,
        socket=HostPath("/run/containerd/containerd.sock"),
        config_file=path,
        roots=(),
        identity="1",
        problems=(Problem(reason=Reason.CONFIG_PATH_UNSET, where=path, detail="so"),),
        change_needed="+ config_path",
        change=ConfigChange(path=path, before=text.encode(), after=b"x"),
    )


def named(name: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.name == name)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_trace_of_the_table_leads_to_its_layout(layout: Layout) -> None:
    for marker in layout.markers:
        assert chosen(traces(marker)) == layout.name
    for os_id in layout.os_ids:
        assert chosen(traces(os_id=os_id)) == layout.name
    for start in layout.node_names:
        assert chosen(traces(node_name=f"{start}a-1")) == layout.name
    if layout.told:
        assert chosen(traces(), layout.config) == layout.name
    assert chosen(traces(), setting=layout.name) == layout.name


def test_a_node_without_a_trace_is_as_the_package_makes_it() -> None:
    assert chosen(traces(), ETC, "/run/containerd/containerd.sock") == "kubeadm"


def test_a_running_process_goes_before_what_a_distribution_left_behind() -> None:
    assert chosen(traces("/etc/rancher/k3s"), ETC) == "kubeadm"
    assert chosen(traces("/etc/rancher/k3s", "/etc/eks"), ETC) == "eks"
    assert chosen(traces("/etc/flatcar", os_id="flatcar"), K3S) == "k3s"


def test_a_moved_data_directory_is_still_that_of_k3s_or_rke2() -> None:
    assert chosen(traces(), "/data/rke2/agent/etc/containerd/config.toml") == "rke2"
    assert chosen(traces(), MOVED) == "k3s"
    assert chosen(traces("/etc/rancher/rke2"), MOVED) == "rke2"
    both = ("/etc/rancher/k3s", "/etc/rancher/rke2")
    assert chosen(traces(*both, moved={"rke2": "/data"}), MOVED) == "rke2"
    assert chosen(traces(*both, moved={"rke2": "/dat"}), MOVED) == "k3s"


def test_what_k3s_calls_its_own_is_never_taken_for_rke2() -> None:
    assert chosen(traces("/etc/rancher/rke2"), K3S) == "k3s"


@pytest.mark.parametrize("name", ["k3s", "rke2"])
def test_while_nothing_runs_the_configuration_is_where_the_settings_say(name: str) -> None:
    at = traces(f"/etc/rancher/{name}")
    usual = f"/var/lib/rancher/{name}/agent/etc/containerd/config.toml"
    assert choose_layout(at, setting="auto").config == usual
    assert choose_layout(replace(at, moved={name: "/data"}), setting="auto").config == MOVED


def test_the_template_to_change_is_the_one_beside_the_configuration() -> None:
    found = choose_layout(traces(), setting="auto", told=[MOVED])
    [problem] = apply_layout(view(MOVED), found).problems
    assert "/data/agent/etc/containerd/config-v3.toml.tmpl" in problem.detail


@pytest.mark.parametrize("name", ["talos", "bottlerocket", "gke-autopilot", "fargate"])
def test_a_node_that_cannot_be_served_is_refused_with_what_to_use_there(name: str) -> None:
    with pytest.raises(NodeTrouble) as refusal:
        check_supported(choose_layout(traces(), setting=name))
    problem = refusal.value.problem
    assert problem.reason is Reason.UNSUPPORTED_NODE
    assert problem.detail == named(name).unsupported
    assert " use " in problem.detail
    assert state_of(problem) is State.UNSUPPORTED


@pytest.mark.parametrize("name", ["k3s", "rke2", "k0s", "microk8s", "eks", "aks", "gke"])
def test_a_generated_file_is_not_edited_and_its_owner_s_own_way_is_named(name: str) -> None:
    found = choose_layout(traces(), setting=name)
    before = view(found.layout.config, text=found.layout.generated_mark)
    laid_out = apply_layout(before, found)
    assert [problem.reason for problem in laid_out.problems] == [Reason.CONFIG_GENERATED]
    folder = found.layout.config.rpartition("/")[0]
    assert found.layout.generated.format(folder=folder) in laid_out.problems[0].detail
    assert (laid_out.change, laid_out.change_needed) == (None, "")


@pytest.mark.parametrize("name", ["kubeadm", "kind"])
def test_a_file_that_a_person_writes_may_be_edited(name: str) -> None:
    before = view(ETC)
    laid_out = apply_layout(before, choose_layout(traces(), setting=name))
    assert laid_out.problems == before.problems
    assert laid_out.change == before.change
    assert named(name).title in laid_out.layout


def test_flatcar_s_own_file_is_read_only_and_a_person_s_copy_is_not() -> None:
    found = choose_layout(traces(os_id="flatcar"), setting="auto")
    own = apply_layout(view("/usr/share/containerd/config.toml"), found)
    assert [problem.reason for problem in own.problems] == [Reason.CONFIG_GENERATED]
    assert apply_layout(view(ETC), found).change is not None


@pytest.mark.parametrize(
    ("text", "is_edited"),
    [
        (b"version = 2\n", True),
        (b"version = 2 # not k0s_managed=true\n", True),
        (b"# k0s_managed=true\nversion = 2\n", False),
        (b"\n # k0s_managed=true\r\nversion = 2\n", False),
        (None, False),
    ],
)
def test_k0s_s_file_is_a_person_s_once_its_first_line_is_gone(
    text: bytes | None, *, is_edited: bool
) -> None:
    found = choose_layout(traces(), setting="k0s")
    path = HostPath(found.layout.config)
    change = ConfigChange(path=path, before=text, after=b"x")
    laid_out = apply_layout(replace(view(path), change=change), found)
    assert (laid_out.change == change) is is_edited


def test_what_k0s_has_made_beside_its_file_is_not_edited() -> None:
    found = choose_layout(traces(), setting="k0s")
    change = ConfigChange(path=HostPath("/run/k0s/containerd-cri.toml"), before=b"", after=b"x")
    before = replace(view(found.layout.config), change=change)
    assert apply_layout(before, found).change is None


def test_flatcar_is_known_by_the_file_of_its_image_too() -> None:
    assert chosen(traces(), "/usr/share/containerd/config.toml") == "flatcar"
    assert chosen(traces("/etc/flatcar"), ETC) == "flatcar"


def test_remove_searches_the_roots_of_every_layout() -> None:
    paths = {root.path for root in usual_roots()}
    assert {
        "/etc/containerd/certs.d",
        "/etc/containerd/certs.d:/etc/docker/certs.d",
        "/etc/containerd/hosts.d",
        "/var/lib/rancher/k3s/agent/etc/containerd/certs.d",
        "/var/snap/microk8s/current/args/certs.d",
    } <= paths
    assert "/etc/cri/conf.d/hosts" not in paths
