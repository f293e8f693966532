"""The metrics of the trust controller, rendered from its last report as one value."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, disable_created_metrics
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from agent.errors import Problem
from agent.planning.rotation import Phase
from agent.planning.trust_model import Authority
from agent.planning.trust_report import TrustReport
from agent.reporting.exposition import Samples, exposition, family, gauge


class TrustMetrics:
    """Takes reports, gives an exposition. Every method may be called by any thread."""

    def __init__(self, *, version: str, is_leader: Callable[[], bool]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # half of the series, unread
        self._registry = CollectorRegistry()
        self._present = _Present(version=version, is_leader=is_leader)
        self._registry.register(self._present)
        ProcessCollector(registry=self._registry)
        self._steps = Counter(
            "registry_agent_trust_steps",
            "Steps of issuing, publishing and rotating that were done, by kind",
            ["step"],
            registry=self._registry,
        )

    def record(self, report: TrustReport) -> None:
        """Take in what a pass came to."""
        self._present.report = report
        self._present.troubles = ()
        for step in report.done:
            self._steps.labels(type(step).__name__).inc()

    def record_trouble(self, problem: Problem) -> None:
        """Take in why a pass came to nothing."""
        self._present.troubles = (problem,)

    def exposition(self, *, accept: str) -> tuple[str, bytes]:
        """The content type and the text."""
        return exposition(self._registry, accept=accept)


class _Present(Collector):
    """The last report, and whether this process is the one that works."""

    def __init__(self, *, version: str, is_leader: Callable[[], bool]) -> None:
        self._version = version
        self._is_leader = is_leader
        self.report: TrustReport | None = None
        self.troubles: tuple[Problem, ...] = ()

    def collect(self) -> Iterator[Metric]:
        """Render one consistent state."""
        report, is_leader = self.report, self._is_leader()
        yield family("build_info", "The running version", ["version"], [((self._version,), 1)])
        yield gauge("trust_leader", "Whether this replica is the one that works", float(is_leader))
        if report is None or not is_leader:
            return  # what another one does is told by that one
        yield gauge(
            "trust_last_pass_timestamp_seconds",
            "When a pass last came to its end",
            report.now.timestamp(),
        )
        yield from _rotation(report)
        yield from _expiries(report)
        problems = {("", str(item.reason)) for item in (*report.problems, *self.troubles)}
        yield family(
            "problem",
            "A problem that is present now; registry is empty when it concerns all of them",
            ["registry", "reason"],
            [(labels, 1) for labels in sorted(problems)],
        )

    def describe(self) -> Iterator[Metric]:
        """Name the metrics, for the registry to refuse a second of the same name."""
        return self.collect()


def _rotation(report: TrustReport) -> Iterator[Metric]:
    now = report.view.phase
    yield family(
        "trust_phase",
        "Where the rotation of the CA is",
        ["phase"],
        [((str(phase),), float(phase is now)) for phase in Phase],
    )
    barrier = report.barrier
    if barrier is not None:
        counts = {
            "counted": barrier.counted,
            "awaited": len(barrier.awaited),
            "given-up": len(barrier.given_up),
        }
        yield family(
            "trust_nodes",
            "Nodes that have to have the next CA, those waited for, and those no longer",
            ["state"],
            [((state,), float(count)) for state, count in counts.items()],
        )


def _expiries(report: TrustReport) -> Iterator[Metric]:
    ring = report.view.ring
    roles: dict[str, Authority | None] = {"current": ring.current, "next": ring.next}
    authorities: Samples = [
        ((role,), authority.not_after.timestamp())
        for role, authority in roles.items()
        if authority is not None
    ]
    yield family(
        "trust_authority_expiry_timestamp_seconds", "When a CA expires", ["role"], authorities
    )
    yield family(
        "trust_certificate_expiry_timestamp_seconds",
        "When the certificate of a namespace's registry expires",
        ["registry_namespace"],  # `namespace` is what a scrape says of the pod
        [
            ((serving.namespace,), serving.leaf.not_after.timestamp())
            for serving in report.view.servings
            if serving.leaf is not None
        ],
    )
