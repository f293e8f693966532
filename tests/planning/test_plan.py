"""Plans in words: which steps, in which order, and what is said of what is in the way."""

from dataclasses import replace

import pytest

from agent.errors import Reason
from agent.planning.containerd_hosts import render_hosts_file
from agent.planning.describe import describe_step
from agent.planning.model import CA_FILE, HEADER, HOSTS_FILE, Folder, HostPath
from agent.planning.plan import Plan
from agent.planning.steps import ReplaceFile
from agent.planning.trust_bundle import render_trust_file
from tests.anchors import ders, fingerprint
from tests.worlds import (
    KNATIVE,
    LONG,
    NEW_IP,
    OLD_IP,
    ROOT,
    SHORT,
    World,
    bundle,
    converged,
    endpoint,
    route,
    service,
)

CERTS = "/etc/containerd/certs.d"
OTHER_ROOT = Folder(base=HostPath("/etc/docker"), below=("certs.d",))


def lines(plan: Plan) -> list[str]:
    return [describe_step(step).replace(f"{CERTS}/", "") for step in plan.steps]


def reasons(plan: Plan) -> list[Reason]:
    return [problem.reason for problem in plan.problems]


def test_every_hostname_gets_a_directory() -> None:
    world = World()
    world.ask(service())
    world.serve()
    plan = world.plan()
    assert lines(plan) == [f"create {LONG}", f"create {SHORT}"]
    assert plan.routes == {KNATIVE: route()}
    assert plan.hosts == {KNATIVE: (LONG, SHORT)}
    assert plan.problems == ()


def test_every_root_gets_every_directory() -> None:
    """containerd splits config_path at colons in one place and not in another."""
    world = World(roots=(ROOT, OTHER_ROOT))
    world.ask(service())
    world.run()
    assert world.stands(LONG) == world.stands(LONG, root=OTHER_ROOT) == route()
    assert world.plan().hosts == {KNATIVE: (LONG, SHORT)}


def test_without_a_root_there_is_nothing_to_write() -> None:
    world = World(roots=())
    world.ask(service())
    assert world.plan().steps == ()


def test_another_ca_is_one_replacement_in_each_directory() -> None:
    world = converged()
    world.serve(signed_by=2)
    world.ask(service(), trust=bundle(2))
    assert lines(world.plan()) == [f"replace {LONG}/ca.crt", f"replace {SHORT}/ca.crt"]


def test_another_endpoint_is_one_replacement_in_each_directory() -> None:
    world = converged()
    world.serve(NEW_IP)
    world.ask(service(NEW_IP))
    assert lines(world.plan()) == [f"replace {LONG}/hosts.toml", f"replace {SHORT}/hosts.toml"]


def test_another_ca_and_endpoint_go_by_way_of_both_cas() -> None:
    world = converged()
    world.serve(NEW_IP, signed_by=2)
    world.ask(service(NEW_IP), trust=bundle(2))
    assert lines(world.plan()) == [
        f"replace {LONG}/ca.crt",
        f"replace {SHORT}/ca.crt",
        f"replace {LONG}/hosts.toml",
        f"replace {SHORT}/hosts.toml",
        "wait for pulls that read the old files",
        f"replace {LONG}/ca.crt",
        f"replace {SHORT}/ca.crt",
    ]


def test_more_anchors_and_another_endpoint_need_no_way_back() -> None:
    world = converged()
    world.serve(NEW_IP)
    world.ask(service(NEW_IP), trust=bundle(1, 2))
    assert [line.rpartition("/")[2] for line in lines(world.plan())] == [
        "ca.crt",
        "ca.crt",
        "hosts.toml",
        "hosts.toml",
    ]


def test_a_revoked_anchor_is_in_no_step_of_the_way() -> None:
    world = converged(trust=bundle(1, 3))
    world.serve(NEW_IP, signed_by=2)
    world.ask(service(NEW_IP), trust=bundle(2, revoked=fingerprint(3)))
    contents = [step.content for step in world.plan().steps if isinstance(step, ReplaceFile)]
    assert sorted(set(contents), key=contents.index) == [
        render_trust_file(ders(1, 2)),
        render_hosts_file(endpoint(NEW_IP)),
        render_trust_file(ders(2)),
    ]


def test_a_held_change_writes_nothing() -> None:
    world = converged()
    world.ask(service(), trust=bundle(2))
    plan = world.plan()
    assert plan.steps == ()
    assert reasons(plan) == [Reason.HELD]
    assert plan.routes == {KNATIVE: route()}
    assert len(world.plan(apply_held=True).steps) == 2


@pytest.mark.parametrize("by", ["service", "bundle"])
def test_a_person_ends_a_hold_by_annotation(by: str) -> None:
    world = converged()
    if by == "bundle":
        held = bundle(2)
        world.ask(service(), trust=held)
        name = world.plan().problems[0].detail.partition("with trust ")[2].partition(" ")[0]
        world.ask(service(), trust=replace(held, apply_held=name))
    else:
        world.ask(service(NEW_IP, apply_held=NEW_IP))
    assert len(world.plan().steps) == 2
    assert world.plan().problems == ()


def test_a_name_pulled_through_somebodys_default_is_held_until_ours_works() -> None:
    world = World()
    world.put_file("_default", HOSTS_FILE, b'server = "https://mirror.example.com"\n')
    world.runtime.default_works = True
    world.ask(service())
    assert reasons(world.plan()) == [Reason.HELD]
    assert world.plan().steps == ()
    world.serve()
    assert lines(world.plan()) == [f"create {LONG}", f"create {SHORT}"]


def test_it_is_held_too_where_a_sibling_of_ours_stands_and_does_not_work() -> None:
    world = World()
    world.ask(service())
    world.run()
    for path in [path for path in world.tree() if path.startswith(ROOT.child(SHORT).path)]:
        del world.files.tree[path]
    world.put_file("_default", HOSTS_FILE, b'server = "https://mirror.example.com"\n')
    world.runtime.default_works = True
    assert Reason.HELD in world.reasons()
    assert world.pulls(SHORT)


def test_a_file_that_a_person_made_to_work_is_not_repaired_into_one_that_does_not() -> None:
    world = converged()
    edited = (world.file(LONG, HOSTS_FILE) or b"") + b"# by hand\n[host.x]\n"
    world.put_file(LONG, HOSTS_FILE, edited)
    world.ask(service(), trust=bundle(2))
    assert world.pulls()
    assert world.reasons() == {Reason.HELD}
    assert world.file(LONG, HOSTS_FILE) == edited
    world.serve(signed_by=2)
    world.run()
    assert world.stands(LONG) == route(OLD_IP, 2)


def test_from_what_a_person_made_to_work_a_revoked_anchor_leaves_at_once() -> None:
    world = converged(trust=bundle(1, 3))
    world.put_file(LONG, HOSTS_FILE, (world.file(LONG, HOSTS_FILE) or b"") + b"[host.x]\n")
    world.ask(service(), trust=bundle(2, revoked=fingerprint(3)))
    assert f"replace {LONG}/ca.crt" in lines(world.plan())


DAMAGED = {
    "hosts.toml is gone": (HOSTS_FILE, None),
    "ca.crt is gone": (CA_FILE, None),
    "hosts.toml is empty": (HOSTS_FILE, b""),
    "ca.crt is empty": (CA_FILE, b""),
    "hosts.toml was edited below our header": (HOSTS_FILE, HEADER.encode() + b"server = 5\n"),
    "ca.crt holds something else below our header": (CA_FILE, HEADER.encode()),
}


@pytest.mark.parametrize("sentence", DAMAGED)
def test_what_is_damaged_is_repaired(sentence: str) -> None:
    name, content = DAMAGED[sentence]
    world = converged()
    before = world.tree()
    if content is None:
        del world.files.tree[f"{ROOT.child(LONG).path}/{name}"]
    else:
        world.put_file(LONG, name, content)
    assert lines(world.plan()) == [f"replace {LONG}/{name}"]
    world.run()
    assert world.tree() == before


def test_a_lost_directory_is_made_again() -> None:
    world = converged()
    before = world.tree()
    for path in [path for path in world.tree() if path.startswith(ROOT.child(LONG).path)]:
        del world.files.tree[path]
    assert lines(world.plan()) == [f"create {LONG}"]
    world.run()
    assert world.tree() == before


def test_files_of_a_lost_ledger_are_adopted() -> None:
    world = converged()
    ledger = world.state.load_ledger()
    world.state.wipe()
    assert world.plan().steps == ()
    world.run()
    assert world.state.load_ledger().entries == ledger.entries


def test_several_registries_stand_side_by_side() -> None:
    """One registry may have several names: knative, builds, kanikocache."""
    world = converged(
        service(), service(name="builds"), service("fd00::50", name="kaniko", port=443)
    )
    assert world.pulls("builds.registry.svc:5000")
    assert world.pulls("kaniko.registry.svc.cluster.local")
    hosts = world.file("kaniko.registry.svc", HOSTS_FILE) or b""
    assert b'server = "https://[fd00::50]"' in hosts


def test_one_registry_that_is_held_does_not_hold_another() -> None:
    world = converged(service(), service(name="builds"))
    world.serve("10.96.0.60")
    world.ask(service(NEW_IP), service("10.96.0.60", name="builds"))
    plan = world.plan()
    assert reasons(plan) == [Reason.HELD]
    assert [line.startswith("replace builds.") for line in lines(plan)] == [True, True]


def test_the_other_family_is_taken_after_three_failed_passes() -> None:
    world = converged(service(OLD_IP, "fd00::50"))
    world.fall_silent(OLD_IP)
    for _ in range(3):
        assert Reason.CONNECTION_REFUSED in world.reasons()
        assert world.stands(LONG) == route(OLD_IP)
    world.run()
    assert world.stands(LONG) == route("fd00::50")
    assert world.run().in_sync
