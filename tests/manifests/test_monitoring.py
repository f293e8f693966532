"""The alert rules, judged by Prometheus's own promtool, and what is scraped."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.planning.barrier import Barrier
from agent.planning.rotation import TrustView
from agent.planning.trust_model import Constraints, Keyring, Published
from agent.planning.trust_report import TrustReport
from agent.reporting.metrics import Metrics
from agent.reporting.trust_metrics import TrustMetrics
from tests.anchors import NOW
from tests.ground import programs
from tests.ground.machine import Machine
from tests.manifests.kustomizations import DEPLOY, build, containers, only
from tests.missing_programs import found_or_skipped

pytestmark = pytest.mark.realcluster

MONITORING = DEPLOY / "monitoring"
DAY = 86400
JOB = "registry-node-agent/registry-node-agent"
IN_SYNC = "registry_agent_in_sync"
API = 'registry_agent_probe_success{registry="registry/knative",step="api"'
EXPIRY = 'registry_agent_trust_expiry_timestamp_seconds{registry="registry/knative",node='
ISSUER_JOB = "registry-node-agent/registry-trust-issuer"
LEADER = "registry_agent_trust_leader"
CERTIFICATE = 'registry_agent_trust_certificate_expiry_timestamp_seconds{registry_namespace="a"}'
AUTHORITY = 'registry_agent_trust_authority_expiry_timestamp_seconds{role="current"}'
AWAITED = 'registry_agent_trust_nodes{state="awaited"}'
HELD = 'registry_agent_problem{registry="registry/knative",reason="held",node="a"}'

STAGED = TrustReport(
    view=TrustView(ring=Keyring(), published=Published(), wanted=Constraints(names=frozenset())),
    barrier=Barrier(counted=3, awaited=()),
    problems=(),
    done=(),
    now=NOW,
)

ONE_OF_MANY = {f'{IN_SYNC}{{node="{number}"}}': "1" for number in range(30)} | {
    f'{IN_SYNC}{{node="bad"}}': "0"
}


def rules() -> list[dict[str, Any]]:
    (group,) = only(build(MONITORING), "PrometheusRule")["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.fixture
def rule_file(tmp_path: Path) -> Path:
    """The rules as Prometheus itself reads them, without the operator."""
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.dump(only(build(MONITORING), "PrometheusRule")["spec"]))
    return path


def promtool(*arguments: str) -> str:
    program = found_or_skipped("the alert rules", programs.promtool)
    with Machine() as machine:
        done = machine.run([str(program.executable), *arguments])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_firing(rule_file: Path, series: Mapping[str, str], *, minutes: int, alerts: str) -> None:
    """Ask promtool whether after that time just these alerts fire."""
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in alerts.split()]
    question = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{minutes}m",
        "exp_samples": expected,
    }
    given = [{"series": name, "values": f"{value}x{minutes}"} for name, value in series.items()]
    test = {"interval": "1m", "input_series": given, "promql_expr_test": [question]}
    content = {"rule_files": [str(rule_file)], "evaluation_interval": "1m", "tests": [test]}
    test_file = rule_file.with_name("test.yaml")
    test_file.write_text(yaml.dump(content))
    promtool("test", "rules", str(test_file))


def test_promtool_finds_no_fault_in_them(rule_file: Path) -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", "--lint=all", str(rule_file))


def test_they_ask_for_metrics_that_there_are() -> None:
    class Contact:
        def in_contact(self) -> bool:
            return True

        def watch_ends(self) -> dict[str, int]:
            return {}

    agents = Metrics(version="x", dropped_log_lines=lambda: 0, contact=Contact())
    controller = TrustMetrics(version="x", is_leader=lambda: True)
    controller.record(STAGED)
    there = {
        name
        for metrics in (agents, controller)
        for name in re.findall(
            r"^# TYPE (\w+)", metrics.exposition(accept="")[1].decode(), re.MULTILINE
        )
    }
    asked = {name for rule in rules() for name in re.findall(r"registry_agent_\w+", rule["expr"])}
    assert asked
    assert asked <= there


@pytest.mark.parametrize(
    ("series", "minutes", "alerts"),
    [
        ({f'{API},node="{name}"}}': "1" for name in "abc"}, 60, ""),
        ({f'{API},node="a"}}': "0"}, 8, ""),
        ({f'{API},node="a"}}': "0"}, 12, "RegistryUnreachableFromNodes"),
        ({f'{IN_SYNC}{{node="a"}}': "0"}, 35, "NodeOutOfSync NodesOutOfSync"),
        (ONE_OF_MANY, 35, "NodeOutOfSync"),
        ({HELD: "1"}, 20, "RegistryChangeHeld"),
        ({f'{EXPIRY}"a"}}': f"{40 * DAY}"}, 90, ""),
        ({f'{EXPIRY}"a"}}': f"{20 * DAY}"}, 90, "RegistryTrustExpires"),
        ({f'{EXPIRY}"a"}}': f"{5 * DAY}"}, 90, "RegistryTrustEnds RegistryTrustExpires"),
        ({'registry_agent_api_up{node="a"}': "0"}, 35, "RegistryAgentsBlind"),
        ({f'up{{job="{JOB}",node="a"}}': "0"}, 35, "RegistryAgentMissing"),
        ({f"{LEADER}{{pod='a'}}": "0", f"{LEADER}{{pod='b'}}": "1"}, 60, ""),
        ({f"{LEADER}{{pod='a'}}": "0"}, 20, "TrustControllerIdle"),
        ({f'up{{job="{ISSUER_JOB}"}}': "0"}, 35, "TrustControllerMissing"),
        ({CERTIFICATE: f"{30 * DAY}"}, 90, ""),
        ({CERTIFICATE: f"{19 * DAY}"}, 90, "RegistryCertificateExpires"),
        ({AUTHORITY: f"{179 * DAY}"}, 90, "RegistryAuthorityExpires"),
        ({AWAITED: "2"}, 3 * 24 * 60 + 5, "RegistryRotationWaits"),
    ],
)
def test_they_call_when_something_is_wrong_long_enough(
    rule_file: Path, series: Mapping[str, str], minutes: int, alerts: str
) -> None:
    assert_firing(rule_file, series, minutes=minutes, alerts=alerts)


def test_the_agents_are_scraped_where_they_serve() -> None:
    monitor = only(build(MONITORING), "PodMonitor", "registry-node-agent")
    daemonset = only(build(), "DaemonSet")
    assert monitor["metadata"]["namespace"] == daemonset["metadata"]["namespace"]
    labels = daemonset["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (container,) = containers(daemonset)
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
