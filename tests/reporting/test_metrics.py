"""The exposition is valid, and says what the last outcome says: no less, no more, no longer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain

from agent.errors import Problem, Reason
from agent.planning.evidence import ProbeStep
from agent.planning.model import RegistryName
from agent.planning.outcome import Outcome, RegistryStatus
from agent.reporting.metrics import Metrics

FINISHED = datetime(2026, 11, 23, 12, tzinfo=UTC)
EXPIRY = datetime(2027, 1, 1, tzinfo=UTC)
KNATIVE = RegistryStatus(
    registry=RegistryName(namespace="registry", name="knative"),
    hosts=("knative.registry.svc",),
    endpoint=None,
    trust_sha256="",
    reached=frozenset({ProbeStep.TCP, ProbeStep.TLS}),
    trust_expiry=EXPIRY,
)
HEALTHY = Outcome(
    problems=(),
    registries=(KNATIVE,),
    files_written=2,
    changed=(),
    seconds=0.02,
    finished=FINISHED,
)
TIMEOUT = Problem(
    reason=Reason.TIMEOUT, where="10.96.0.50", detail="no answer", registry="registry/knative"
)
DISK_FULL = Problem(reason=Reason.DISK_FULL, where="/etc/containerd", detail="no space")


def metrics(dropped: int = 0) -> Metrics:
    return Metrics(version="1.2.3", dropped_log_lines=lambda: dropped)


def samples(found: Metrics) -> Mapping[str, float]:
    """Return every sample of ours as `name{label="value"}`, without the prefix."""
    _, text = found.exposition(accept="text/plain")
    return {
        sample.name.removeprefix("registry_agent_")
        + "".join(
            f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())
        ): sample.value
        for family in read_plain(text.decode())
        for sample in family.samples
        if sample.name.startswith("registry_agent_")
    }


def test_before_the_first_pass_every_metric_has_its_honest_value() -> None:
    found = samples(metrics())

    assert {name: value for name, value in found.items() if "_bucket" not in name} == {
        "build_info{version=1.2.3}": 1,
        "in_sync": 0,
        "last_success_timestamp_seconds": 0,
        "log_lines_dropped_total": 0,
        "passes_total{result=in-sync}": 0,
        "passes_total{result=out-of-sync}": 0,
        "pass_duration_seconds_count": 0,
        "pass_duration_seconds_sum": 0,
        "files_written_total": 0,
    }


def test_a_good_pass_is_shown() -> None:
    found = metrics()
    found.record_pass(HEALTHY)
    shown = samples(found)

    assert shown["in_sync"] == 1
    assert shown["last_success_timestamp_seconds"] == FINISHED.timestamp()
    assert shown["passes_total{result=in-sync}"] == 1
    assert shown["files_written_total"] == 2
    assert shown["pass_duration_seconds_bucket{le=0.05}"] == 1
    assert shown["pass_duration_seconds_bucket{le=0.01}"] == 0
    assert shown["probe_success{registry=registry/knative}{step=tls}"] == 1
    assert shown["probe_success{registry=registry/knative}{step=effective}"] == 0
    assert shown["trust_expiry_timestamp_seconds{registry=registry/knative}"] == EXPIRY.timestamp()


def test_a_problem_is_shown_while_it_is_there_and_its_series_goes_with_it() -> None:
    found = metrics()
    found.record_pass(HEALTHY)
    found.record_pass(
        replace(
            HEALTHY,
            problems=(TIMEOUT, DISK_FULL, replace(TIMEOUT, where="elsewhere")),
            finished=EXPIRY,
        )
    )
    shown = samples(found)

    assert shown["in_sync"] == 0
    assert shown["problem{reason=timeout}{registry=registry/knative}"] == 1
    assert shown["problem{reason=disk-full}{registry=}"] == 1
    assert shown["last_success_timestamp_seconds"] == FINISHED.timestamp()
    assert shown["passes_total{result=out-of-sync}"] == 1

    found.record_pass(replace(HEALTHY, registries=()))
    assert not [
        name
        for name in samples(found)
        if name.startswith(("problem", "probe_success", "trust_expiry"))
    ]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_can_be_a_label(reason: Reason) -> None:
    found = metrics()
    found.record_pass(replace(HEALTHY, problems=(replace(TIMEOUT, reason=reason),)))

    assert samples(found)[f"problem{{reason={reason.value}}}{{registry=registry/knative}}"] == 1


def test_a_registry_without_trust_has_no_expiry() -> None:
    found = metrics()
    found.record_pass(replace(HEALTHY, registries=(replace(KNATIVE, trust_expiry=None),)))

    assert not [name for name in samples(found) if name.startswith("trust_expiry")]


def test_dropped_log_lines_are_counted() -> None:
    assert samples(metrics(dropped=7))["log_lines_dropped_total"] == 7


def test_open_metrics_is_given_to_those_who_ask() -> None:
    found = metrics()
    found.record_pass(replace(HEALTHY, problems=(TIMEOUT,)))
    kind, text = found.exposition(accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")

    assert kind.startswith("application/openmetrics-text")
    families = {family.name: family for family in read_open(text.decode())}
    assert families["registry_agent_passes"].type == "counter"
    assert families["registry_agent_problem"].samples[0].labels["reason"] == "timeout"


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain;version=a.b", "\x00,;;=,application/"])
def test_any_accept_header_gets_an_answer(accept: str) -> None:
    assert metrics().exposition(accept=accept)[0].startswith("text/plain")


def test_memory_of_the_process_is_there_and_a_node_has_few_series() -> None:
    found = metrics()
    found.record_pass(replace(HEALTHY, problems=(TIMEOUT, DISK_FULL)))
    text = found.exposition(accept="")[1].decode()

    assert "process_resident_memory_bytes" in text
    assert "_created" not in text
    assert "python_" not in text
    assert sum(len(family.samples) for family in read_plain(text)) <= 60


def test_two_of_them_do_not_meet_in_a_global_registry() -> None:
    first, second = metrics(), metrics()
    first.record_pass(HEALTHY)

    assert samples(second)["in_sync"] == 0


class Watches:
    """As the source over an API server is."""

    def in_contact(self) -> bool:
        return True

    def watch_ends(self) -> Mapping[str, int]:
        return {"timeout": 3, "closed": 0}


def test_where_an_api_server_is_watched_its_watches_are_shown() -> None:
    watching = Metrics(version="1", dropped_log_lines=lambda: 0, contact=Watches())
    _, text = watching.exposition(accept="")
    shown = text.decode()
    assert "registry_agent_api_up 1.0" in shown
    assert 'registry_agent_watch_ends_total{reason="timeout"} 3.0' in shown
    assert 'registry_agent_watch_ends_total{reason="closed"} 0.0' in shown
    assert "api_up" not in metrics().exposition(accept="")[1].decode()
