"""Many clients of one kind in one process, and when each of them saw what."""

import ssl
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Literal

from agent.cluster import node_status
from agent.cluster.connection import InCluster
from agent.cluster.watch import Timing
from tests.bench.scale.bare import BareNode
from tests.bench.scale.names import API_ADDRESS, API_PORT
from tests.bench.scale.simulated import SimulatedNode

Kind = Literal["agent", "bare"]

_AT_ONCE = 50
"""So many are started together: a rollout is not what is measured here."""
_BETWEEN_LEASES_SECONDS = 0.02
QUICKER = 60.0
_PAUSE = threading.Event()  # never set: waiting on it is a pause
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, kw_only=True)
class Order:
    """What one process of a fleet is. Where it is `quick`, a watch lives, and a Lease is renewed,
    for a QUICKER-th of the usual time."""

    kind: Kind
    first: int
    count: int
    token: Path
    authority: Path
    quick: bool = False


class Crowd:
    """The clients of one process. Every method may be called by any thread."""

    def __init__(self, order: Order) -> None:
        self._times: dict[int, list[float]] = defaultdict(list)
        if order.quick:
            node_status.SIGN_OF_LIFE_SECONDS /= QUICKER
        make = self._agents if order.kind == "agent" else self._bare
        self._nodes = make(order)

    def start(self) -> None:
        """Start all, and return when each has seen a port."""
        for first in range(0, len(self._nodes), _AT_ONCE):
            some = self._nodes[first : first + _AT_ONCE]
            for node in some:
                node.start()
            while not all(node.port for node in some):
                _PAUSE.wait(_LOOK_SECONDS)

    def publish(self) -> None:
        """Let each agent make its Lease, a few at a time, and from now on renew it."""
        for node in self._nodes:
            node.publish()
            _PAUSE.wait(_BETWEEN_LEASES_SECONDS)

    def saw(self, port: int, *, until: float) -> list[float]:
        """When each first saw that port, in monotonic time; those that did by the time `until`."""
        while len(self._times[port]) < len(self._nodes) and monotonic() < until:
            _PAUSE.wait(_LOOK_SECONDS)
        return list(self._times[port])

    def ports(self) -> Counter[int]:
        """How many see which port now."""
        return Counter(node.port for node in self._nodes)

    def watch_ends(self) -> Counter[str]:
        """How watches have ended so far, or attempts at one."""
        return sum((node.watch_ends() for node in self._nodes), Counter())

    def _seen(self, port: int) -> None:
        self._times[port].append(monotonic())

    def _agents(self, order: Order) -> Sequence[SimulatedNode | BareNode]:
        address = {
            "KUBERNETES_SERVICE_HOST": API_ADDRESS,
            "KUBERNETES_SERVICE_PORT": str(API_PORT),
        }
        return [
            SimulatedNode(
                name=f"simulated-{number:05}",
                access=InCluster(token=order.token, authority=order.authority, environment=address),
                timing=_timing(quick=order.quick),
                seen=self._seen,
            )
            for number in range(order.first, order.first + order.count)
        ]

    def _bare(self, order: Order) -> Sequence[SimulatedNode | BareNode]:
        context = ssl.create_default_context(cafile=str(order.authority))
        return [
            BareNode(
                context=context,
                token=order.token.read_text(),
                lifetime=_timing(quick=order.quick).lifetime,
                seen=self._seen,
            )
            for _ in range(order.count)
        ]


def _timing(*, quick: bool) -> Timing:
    usual = Timing()
    least, most = usual.lifetime
    return replace(usual, lifetime=(least / QUICKER, most / QUICKER)) if quick else usual
