"""A simulated node: the agent's own code between the API server and the loop, without the loop.

The watches, the view and the publishing of the Lease are the real ones, each in the threads that
it has in the agent. A pass is left out: it would write this machine's disk, not a node's.
"""

import threading
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

from agent import __version__
from agent.cluster.api import Api
from agent.cluster.cluster_view import Wanted
from agent.cluster.connection import Access, Connection
from agent.cluster.kubernetes_source import KubernetesSource
from agent.cluster.node_status import NodeStatus
from agent.cluster.watch import Timing
from agent.flags import DEFAULT_BUNDLE
from agent.node.clock import SystemClock
from agent.planning.evidence import ProbeStep
from agent.planning.model import ClusterView, Endpoint
from agent.planning.node_state import NodeState, State
from agent.planning.outcome import RegistryStatus
from agent.planning.trust_reference import parse_trust_reference
from tests.bench.scale.names import AGENTS, HOST

_WANTED = Wanted(namespaces=("registry",), references=(parse_trust_reference(DEFAULT_BUNDLE),))


class SimulatedNode:
    """`seen` is called with the Service's port whenever the view has another one.

    It publishes what it sees in its Lease once that is asked for.
    """

    def __init__(
        self,
        *,
        name: str,
        access: Access,
        timing: Timing,
        seen: Callable[[int], None],
    ) -> None:
        self._seen = seen
        self._wake = threading.Event()
        api = Api(Connection(access, user_agent=f"{AGENTS}{__version__}"))
        stop = threading.Event()
        self._source = KubernetesSource(
            api=api, wanted=_WANTED, changed=self._wake.set, stop=stop, timing=timing
        )
        self._status = NodeStatus(
            api=api,
            node_name=name,
            clock=SystemClock(),
            stop=stop,
            say=lambda _: None,
        )
        self.port = 0
        self._publishes = False

    def start(self) -> None:
        """Begin to watch."""
        self._source.start()
        threading.Thread(target=self._loop, daemon=True).start()

    def publish(self) -> None:
        """Publish what is seen now, and from now on every change."""
        self._status.publish(_state(self._source.view()), problems=())
        self._publishes = True
        threading.Thread(target=self._status.run, daemon=True).start()

    def watch_ends(self) -> Counter[str]:
        """How watches have ended so far, or attempts at one."""
        return Counter(self._source.watch_ends())

    def _loop(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            view = self._source.view()
            port = _port_in(view)
            if port in {0, self.port}:
                continue
            if self._publishes:
                self._status.publish(_state(view), problems=())
            self.port = port
            self._seen(port)


def _port_in(view: ClusterView) -> int:
    """The Service's port; 0 until it and the bundle have been seen."""
    seen = view.services and view.bundles
    return view.services[0].ports[0].number if seen else 0


def _state(view: ClusterView) -> NodeState:
    """As a node reports itself that has followed."""
    registries = [
        RegistryStatus(
            registry=service.registry,
            hosts=(HOST,),
            endpoint=Endpoint(
                address=ip_address(service.cluster_ips[0]), port=service.ports[0].number
            ),
            trust_sha256="0" * 64,
            reached=frozenset(ProbeStep),
            trust_expiry=None,
        )
        for service in view.services
    ]
    return NodeState(
        state=State.OK,
        reason=None,
        runtime="simulated",
        version=__version__,
        registries=tuple(registries),
    )
