"""What goes from a node, when, and what must not go although nobody asks for it."""

from dataclasses import replace
from datetime import timedelta

from agent.errors import Reason
from agent.planning.describe import describe_step
from agent.planning.desires import Rules
from agent.planning.plan import Plan
from tests.anchors import fingerprint
from tests.worlds import (
    LONG,
    OLD_IP,
    REFERENCE,
    SHORT,
    WITHDRAW_AFTER,
    World,
    bundle,
    converged,
    route,
    service,
    view_of,
)

CERTS = "/etc/containerd/certs.d"


def lines(plan: Plan) -> list[str]:
    return [describe_step(step).replace(f"{CERTS}/", "") for step in plan.steps]


def reasons(plan: Plan) -> list[Reason]:
    return [problem.reason for problem in plan.problems]


def test_another_port_makes_other_names_and_the_old_ones_go_later() -> None:
    world = converged()
    world.fall_silent()
    world.serve(port=443)
    world.ask(service(port=443))
    assert world.reasons() == {Reason.WITHDRAWAL_PENDING}
    assert world.pulls("knative.registry.svc")
    world.clock.advance(WITHDRAW_AFTER)
    assert lines(world.plan()) == [f"remove {LONG}", f"remove {SHORT}"]


def test_another_cluster_domain_makes_other_names_and_takes_none_that_is_served() -> None:
    world = converged()
    world.rules = Rules(domain="corp.example", references={"": REFERENCE})
    world.restart()
    assert lines(world.plan()) == ["create knative.registry.svc.corp.example:5000"]
    world.run()
    world.clock.advance(WITHDRAW_AFTER)
    assert world.reasons() == {Reason.UNLABELLED_STILL_SERVING}
    assert world.pulls()
    assert lines(world.plan(apply_held=True)) == [f"remove {LONG}"]


def test_a_registry_that_nobody_asks_for_is_one_problem_whatever_its_names() -> None:
    world = converged(service(port=443))
    world.ask()
    assert reasons(world.plan()) == [Reason.UNLABELLED_STILL_SERVING]


def test_the_last_withdrawal_takes_the_directories_that_were_made_for_it() -> None:
    start = World().tree()
    world = converged()
    world.ask(service(label="false"))
    assert lines(world.plan()) == [
        f"remove {LONG}",
        f"remove {SHORT}",
        f"remove {CERTS} if it is empty",
    ]
    world.run()
    assert world.tree() == start
    assert world.state.load_ledger().made == ()


def test_while_another_registry_stands_no_directory_above_it_is_removed() -> None:
    world = converged(service(), service(name="builds"))
    world.ask(service(label="false"), service(name="builds"))
    assert lines(world.plan()) == [f"remove {LONG}", f"remove {SHORT}"]


def test_an_absent_service_goes_after_the_wait_across_a_restart() -> None:
    world = converged()
    world.fall_silent()
    world.ask()
    assert world.reasons() == {Reason.WITHDRAWAL_PENDING}
    world.clock.advance(WITHDRAW_AFTER - timedelta(seconds=1))
    world.restart()
    assert world.reasons() == {Reason.WITHDRAWAL_PENDING}
    world.clock.advance(timedelta(seconds=1))
    assert world.run().in_sync
    assert world.tree() == World().tree()


def test_an_absent_service_that_serves_stays() -> None:
    world = converged()
    world.ask()
    world.run()
    world.clock.advance(WITHDRAW_AFTER)
    assert world.reasons() == {Reason.UNLABELLED_STILL_SERVING}
    assert world.pulls()


def test_a_service_that_comes_back_ends_the_wait() -> None:
    world = converged()
    world.fall_silent()
    world.ask()
    world.run()
    assert world.state.load_ledger().unwanted_since
    world.serve()
    world.ask(service())
    assert world.run().in_sync
    assert not world.state.load_ledger().unwanted_since


def test_a_refused_bundle_keeps_the_last_good_one() -> None:
    world = converged()
    world.source.answer = view_of([service()], {REFERENCE: replace(bundle(), pem="nothing")})
    assert world.reasons() == {Reason.BUNDLE_EMPTY}
    assert world.stands(LONG) == route()


def test_where_every_anchor_is_revoked_the_directory_goes() -> None:
    world = converged()
    world.ask(service(), trust=bundle(1, revoked=fingerprint(1)))
    assert reasons(world.plan()).count(Reason.ALL_ANCHORS_REVOKED) == 2
    world.run()
    assert world.stands(LONG) is None
    world.lose_the_view()
    world.restart()
    assert world.plan().steps == ()


def test_a_revoked_anchor_leaves_a_registry_that_nobody_asks_for() -> None:
    world = converged(trust=bundle(1, 3))
    world.ask(trust=bundle(1, revoked=fingerprint(3)))
    world.run()
    assert world.stands(LONG) == route(OLD_IP, 1)
