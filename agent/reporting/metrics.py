"""Every metric of the agent, on a registry of its own.

What describes the present (in sync, problems, probes, expiry) is rendered from the last outcome as
one value, so that a scrape never sees half of two passes, and a series goes when its cause goes.
Names and units are Prometheus's conventions; about 30 series on a node with one registry.
"""

from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.planning.evidence import ProbeStep
from agent.planning.outcome import Outcome
from agent.ports import Contact
from agent.reporting.exposition import exposition, family, gauge

_PASS_SECONDS = (0.01, 0.05, 0.25, 1, 5, 30)  # unchanged; changed; probing; a proof; a timeout
_IN_SYNC, _OUT_OF_SYNC = "in-sync", "out-of-sync"


class Metrics:
    """Takes outcomes, gives an exposition. Every method may be called by any thread.

    `dropped_log_lines` tells how many lines could not be written since the start; `contact` is
    None where no API server is watched. A process that does not keep its node `in_sync` says
    nothing of that: a node that was put back is no cause for alarm.
    """

    def __init__(
        self,
        *,
        version: str,
        dropped_log_lines: Callable[[], int],
        contact: Contact | None = None,
        keeps_in_sync: bool = True,
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # half of the series, unread
        self.registry = CollectorRegistry()
        self._present = _Present(
            version=version, dropped_log_lines=dropped_log_lines, keeps_in_sync=keeps_in_sync
        )
        self.registry.register(self._present)
        if contact is not None:
            self.registry.register(_ApiServer(contact))
        ProcessCollector(registry=self.registry)
        self._passes = Counter(
            "registry_agent_passes",
            "Passes ended, by whether the node was in sync after them",
            ["result"],
            registry=self.registry,
        )
        for result in (_IN_SYNC, _OUT_OF_SYNC):
            self._passes.labels(result)
        self._seconds = Histogram(
            "registry_agent_pass_duration_seconds",
            "Time from the beginning of a pass to its end",
            buckets=_PASS_SECONDS,
            registry=self.registry,
        )
        self._files_written = Counter(
            "registry_agent_files_written",
            "Files of the runtime's configuration created or replaced",
            registry=self.registry,
        )

    def record_pass(self, outcome: Outcome) -> None:
        """Take in what a pass found and did."""
        self._passes.labels(_IN_SYNC if outcome.in_sync else _OUT_OF_SYNC).inc()
        self._seconds.observe(outcome.seconds)
        self._files_written.inc(outcome.files_written)
        self._present.record(outcome)

    def exposition(self, *, accept: str) -> tuple[str, bytes]:
        """The content type and the text."""
        return exposition(self.registry, accept=accept)


class _Present(Collector):
    """The last outcome as metrics, and what else has one value at a time."""

    def __init__(
        self, *, version: str, dropped_log_lines: Callable[[], int], keeps_in_sync: bool
    ) -> None:
        self._version = version
        self._keeps_in_sync = keeps_in_sync
        self._dropped_log_lines = dropped_log_lines
        self._last: tuple[Outcome | None, float] = (None, 0.0)

    def record(self, outcome: Outcome) -> None:
        """Remember the outcome, and its end as the last success if it was one; in one store."""
        _, success = self._last
        self._last = (outcome, outcome.finished.timestamp() if outcome.in_sync else success)

    def collect(self) -> Iterator[Metric]:
        """Render one consistent state."""
        outcome, success = self._last
        yield family("build_info", "The running version", ["version"], [((self._version,), 1)])
        if self._keeps_in_sync:
            yield from _in_sync(outcome, success)
        yield CounterMetricFamily(
            "registry_agent_log_lines_dropped",
            "Log lines not written because nobody read them in time",
            value=self._dropped_log_lines(),
        )
        yield from _registries(outcome)

    def describe(self) -> Iterator[Metric]:
        """Name the metrics, for the registry to refuse a second of the same name."""
        return self.collect()


def _in_sync(outcome: Outcome | None, success: float) -> Iterator[Metric]:
    yield gauge(
        "in_sync",
        "Whether the runtime was seen to pull as the cluster asks (0 before the first pass)",
        float(outcome is not None and outcome.in_sync),
    )
    yield gauge(
        "last_success_timestamp_seconds",
        "When a pass last ended with the node in sync",
        success,
    )


class _ApiServer(Collector):
    """How the watches fare."""

    def __init__(self, contact: Contact) -> None:
        self._contact = contact

    def collect(self) -> Iterator[Metric]:
        """Ask them."""
        yield gauge(
            "api_up",
            "Whether all that is watched is known from the API server now",
            float(self._contact.in_contact()),
        )
        ends = CounterMetricFamily(
            "registry_agent_watch_ends",
            "Watches that ended, and attempts at one: by the server's timeout, or by what else",
            labels=["reason"],
        )
        for reason, count in self._contact.watch_ends().items():
            ends.add_metric([reason], count)
        yield ends

    def describe(self) -> Iterator[Metric]:
        """Name the metrics, for the registry to refuse a second of the same name."""
        return self.collect()


def _registries(outcome: Outcome | None) -> Iterator[Metric]:
    problems = outcome.problems if outcome else ()
    registries = outcome.registries if outcome else ()
    yield family(
        "problem",
        "A problem that is present now; registry is empty when it concerns the whole node",
        ["registry", "reason"],
        [
            (labels, 1)
            for labels in sorted({(problem.registry, str(problem.reason)) for problem in problems})
        ],
    )
    yield family(
        "probe_success",
        "Whether the last probe of a registry got through a step: tcp, tls, api, effective",
        ["registry", "step"],
        [
            ((str(status.registry), str(step)), float(step in status.reached))
            for status in registries
            for step in ProbeStep
        ],
    )
    yield family(
        "trust_expiry_timestamp_seconds",
        "When the last trust anchor of a registry on this node expires",
        ["registry"],
        [
            ((str(status.registry),), status.trust_expiry.timestamp())
            for status in registries
            if status.trust_expiry is not None
        ],
    )
