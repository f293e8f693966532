"""What a scrape gets: the metrics of one registry, in the format that was asked for."""

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

Samples = list[tuple[tuple[str, ...], float]]


def exposition(registry: CollectorRegistry, *, accept: str) -> tuple[str, bytes]:
    """Return the content type and the text, OpenMetrics if the `Accept` header asks for it."""
    if "application/openmetrics-text" in accept:
        text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return openmetrics.CONTENT_TYPE_LATEST, text
    return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)


def gauge(name: str, text: str, value: float) -> Metric:
    """A gauge without labels."""
    return GaugeMetricFamily(f"registry_agent_{name}", text, value=value)


def family(name: str, text: str, labels: list[str], samples: Samples) -> Metric:
    """A gauge for each combination of labels."""
    found = GaugeMetricFamily(f"registry_agent_{name}", text, labels=labels)
    for values, value in samples:
        found.add_metric(values, value)
    return found
