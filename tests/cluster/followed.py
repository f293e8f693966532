"""A source that follows an API server, with everything as quick as a test wants it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from agent.cluster.cluster_view import Wanted
from agent.cluster.connection import Access
from agent.cluster.kubernetes_source import KubernetesSource
from agent.cluster.watch import Timing
from agent.planning.model import ClusterView
from agent.planning.trust_reference import parse_trust_reference
from tests.cluster.clusters import BUNDLE, Cluster
from tests.cluster.kube_access import api_over
from tests.ground.namespaces import wait_until

QUICK = Timing(
    first_spread=(0, 0),
    lifetime=(60, 120),
    silence=(2.0, 3.0),
    spread=(0, 0.05),
    confirm=(0, 0.05),
    settled=1.0,
    first_backoff=0.05,
    last_backoff=0.4,
    grace=1.0,
)
"""About fifty times as fast as in life."""
READ_SECONDS = 1.0


@dataclass(kw_only=True)
class Followed:
    source: KubernetesSource
    wake: threading.Event
    stop: threading.Event

    @property
    def ends(self) -> dict[str, int]:
        """How many watches ended, by how, without those that none did."""
        return {end: count for end, count in self.source.watch_ends().items() if count}

    def until(
        self, condition: Callable[[ClusterView], bool], *, what: str, seconds: float = 10.0
    ) -> ClusterView:
        """The first view of which `condition` holds."""

        def holds() -> ClusterView | None:
            view = self.source.view()
            return view if condition(view) else None

        return wait_until(holds, what=what, seconds=seconds) or self.source.view()


def wanted(cluster: Cluster, *references: str) -> Wanted:
    texts = references or (f"configmap:{cluster.namespace}/{BUNDLE}",)
    return Wanted(
        namespaces=(cluster.namespace,),
        references=tuple(parse_trust_reference(text) for text in texts),
    )


@contextmanager
def following(
    cluster: Cluster,
    *references: str,
    access: Access | None = None,
    timing: Timing = QUICK,
    read_seconds: float = READ_SECONDS,
) -> Iterator[Followed]:
    wake, stop = threading.Event(), threading.Event()
    with api_over(access or cluster.access, read_seconds=read_seconds) as api:
        source = KubernetesSource(
            api=api,
            wanted=wanted(cluster, *references),
            changed=wake.set,
            stop=stop,
            timing=timing,
        )
        source.start()
        try:
            yield Followed(source=source, wake=wake, stop=stop)
        finally:
            source.close()


def ports(view: ClusterView) -> dict[str, int]:
    """The port of each Service, by its name: what tells one state of it from another here."""
    return {service.registry.name: service.ports[0].number for service in view.services}


def names(view: ClusterView) -> Sequence[str]:
    return sorted(ports(view))
