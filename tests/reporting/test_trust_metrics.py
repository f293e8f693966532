"""What Prometheus is told of issuing and rotating, by the replica that works."""

from dataclasses import replace

from prometheus_client.utils import floatToGoString

from agent.errors import Problem, Reason
from agent.planning.barrier import Awaited, Barrier
from agent.planning.rotation import TrustView
from agent.planning.trust_model import (
    Authority,
    Constraints,
    Keyring,
    Leaf,
    Published,
    Serving,
)
from agent.planning.trust_report import TrustReport
from agent.planning.trust_steps import SwitchAuthority
from agent.reporting.trust_metrics import TrustMetrics
from tests.anchors import NOW

NAMES = Constraints(names=frozenset({"registry.svc"}))
CURRENT = Authority(sha256="a" * 64, not_before=NOW, not_after=NOW, constraints=NAMES)
LEAF = Leaf(
    signer="a" * 64, names=frozenset(), addresses=frozenset(), not_before=NOW, not_after=NOW
)
REPORT = TrustReport(
    view=TrustView(
        ring=Keyring(current=CURRENT, next=CURRENT),
        published=Published(),
        wanted=NAMES,
        servings=(Serving(namespace="registry", services=(), leaf=LEAF),),
    ),
    barrier=Barrier(counted=3, awaited=(Awaited(node="b", why="silent"),), given_up=("c",)),
    problems=(Problem(reason=Reason.NAME_TAKEN, where="x", detail="y"),),
    done=(SwitchAuthority(cross=True),),
    now=NOW,
)


def lines(metrics: TrustMetrics) -> set[str]:
    _, text = metrics.exposition(accept="")
    return set(text.decode().splitlines())


def test_the_replica_that_works_tells_where_the_rotation_is() -> None:
    metrics = TrustMetrics(version="1", is_leader=lambda: True)
    metrics.record(REPORT)
    when = floatToGoString(NOW.timestamp())
    assert {
        "registry_agent_trust_leader 1.0",
        'registry_agent_trust_phase{phase="staged"} 1.0',
        'registry_agent_trust_phase{phase="steady"} 0.0',
        'registry_agent_trust_nodes{state="counted"} 3.0',
        'registry_agent_trust_nodes{state="awaited"} 1.0',
        'registry_agent_trust_nodes{state="given-up"} 1.0',
        f'registry_agent_trust_authority_expiry_timestamp_seconds{{role="next"}} {when}',
        'registry_agent_problem{reason="name-taken",registry=""} 1.0',
        'registry_agent_trust_steps_total{step="SwitchAuthority"} 1.0',
    } <= lines(metrics)


def test_a_pass_that_comes_to_nothing_is_told_until_one_does() -> None:
    metrics = TrustMetrics(version="1", is_leader=lambda: True)
    metrics.record(REPORT)
    metrics.record_trouble(Problem(reason=Reason.API_UNREACHABLE, where="x", detail="y"))
    told = 'registry_agent_problem{reason="api-unreachable",registry=""} 1.0'
    assert told in lines(metrics)
    metrics.record(replace(REPORT, barrier=None))
    assert told not in lines(metrics)
    assert not any("trust_nodes{" in line for line in lines(metrics))


def test_a_replica_that_waits_tells_no_more_than_that() -> None:
    metrics = TrustMetrics(version="1", is_leader=lambda: False)
    metrics.record(REPORT)
    told = {line for line in lines(metrics) if line.startswith("registry_agent_trust")}
    assert "registry_agent_trust_leader 0.0" in told
    assert not any("phase" in line or "expiry" in line for line in told)
