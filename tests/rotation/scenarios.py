"""What may happen in the middle of a rotation. Pulls and pushes never stop, and none may fail."""

from tests.ground.namespaces import NodeTroubleError
from tests.rotation.ring import STAGED, SWITCHED
from tests.rotation.site import IMAGE
from tests.rotation.stage import PATIENCE_SECONDS, SOAK_SECONDS, Stage

_SILENCED, _JOINING, _NEWEST = "node-c", "node-d", "2.2"
_PER_SECOND = 40  # pulls, of a machine with nothing else to do
_ADDED = "builds"
_SECONDS_OF_DEATHS = 180.0
_LEAST_DEATHS = 6  # CA, bundle, switch, certificate, retirement, bundle: each a change of its own


def nothing_else(stage: Stage, pulls: int) -> None:
    """A rotation from its beginning to its end, with pulls in each part of it."""
    soak_seconds = max(SOAK_SECONDS, pulls // _PER_SECOND // 4)
    with stage.scenario("a rotation", pulls=pulls) as loops:
        loops.wait_for_more(pulls // 4)
        stage.begin(soak_seconds=soak_seconds)
        loops.wait_for_more(pulls // 4)
        stage.switch()
        loops.wait_for_more(pulls // 4)
        stage.retire()


def one_agent_stopped(stage: Stage, pulls: int) -> None:
    """The switch waits, says for which node, and comes once that was silent for too long.

    The node goes on to pull all the time: with the old CA alone, by the cross-signature.
    """
    node = stage.site.nodes[_SILENCED]
    with stage.scenario("one agent stopped", pulls=pulls) as loops:
        node.agent.stop()
        stage.begin()
        stage.wait(lambda: _SILENCED in stage.issuer.progress, what=f"it names {_SILENCED}")
        stage.let_seconds_pass(2 * PATIENCE_SECONDS)
        if stage.ring.phase != STAGED:
            raise NodeTroubleError(f"it has not waited for {_SILENCED}")
        node.age_lease()
        stage.switch()
        loops.wait_for_more(pulls // 4)
        node.agent.start()
        stage.site.wait_for_anchors(*stage.ring.anchors)
        stage.retire()


def controller_killed(stage: Stage, pulls: int) -> None:
    """It dies with each of its changes, and goes on where it was."""
    deaths, has_aged, before = 0, False, stage.ring.current

    def goes_on() -> bool:
        nonlocal deaths, has_aged
        if stage.issuer.is_dead:
            deaths += 1
            stage.issuer.start(*stage.allowed, mortal=True)
        if not has_aged and stage.has_switched(before):
            stage.ring.let_time_pass()
            has_aged = True
        return stage.is_over(before)

    with stage.scenario("the controller killed after each change", pulls=pulls):
        stage.demand_another()
        stage.issuer.start(*stage.allowed, mortal=True)
        stage.wait(goes_on, what="the rotation is over", seconds=_SECONDS_OF_DEATHS)
        stage.issuer.kill()
        stage.issuer.start(*stage.allowed)
    if deaths < _LEAST_DEATHS:
        raise NodeTroubleError(f"it died {deaths} times only")


def api_server_restarted(stage: Stage, pulls: int) -> None:
    """It goes away while nodes fetch the new CA, and again while the certificate is switched."""
    server = stage.site.hub.plane.api_server
    with stage.scenario("the API server restarted", pulls=pulls) as loops:
        stage.begin()
        server.kill()
        loops.wait_for_more(pulls // 4)
        server.start()
        stage.wait_for(SWITCHED)
        server.kill()
        loops.wait_for_more(pulls // 4)
        server.start()
        stage.switch()
        stage.retire()


def node_joins(stage: Stage, pulls: int) -> None:
    """It comes between the publication and the switch, and pulls from its first moment on."""
    with stage.scenario("a node joins", pulls=pulls) as loops:
        stage.begin()
        node = stage.site.join(_JOINING, containerd=_NEWEST)
        stage.wait(lambda: bool(node.anchors()), what=f"{_JOINING} has a CA")
        loops.pull(on=_JOINING, by=node)
        stage.switch()
        loops.wait_for_more(pulls // 4)
        stage.retire()


def service_added(stage: Stage, pulls: int) -> None:
    """Another name for the registry: nodes pull by it as soon as the certificate covers it."""
    with stage.scenario("a Service added", pulls=pulls) as loops:
        stage.begin()
        stage.site.add_service(_ADDED)
        stage.wait_for_service(_ADDED)
        loops.pull_too(IMAGE.replace("knative", _ADDED, 1))
        stage.switch()
        loops.wait_for_more(pulls // 4)
        stage.retire()


ALL = (
    nothing_else,
    one_agent_stopped,
    controller_killed,
    api_server_restarted,
    node_joins,
    service_added,
)
"""In an order in which each leaves what the next one needs."""
