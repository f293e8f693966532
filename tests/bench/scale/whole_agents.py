"""Whole agents: processes as the DaemonSet runs them, each with a containerd and a root of its own.

They share the network of the API server and of one real registry, in which each says who it is by
a token that is bound to its Node.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench.scale import cluster_objects
from tests.bench.scale.names import ADDRESS, AGENT, HOST
from tests.bench.scale.site import Site
from tests.demo.agent import Agent
from tests.demo.arrivals import Arrivals
from tests.demo.stage import newest_containerd
from tests.ground.closing import Closing
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry, Request

_FIRST_METRICS_PORT = 9900
_LATEST_SECONDS = 120.0


class WholeAgents(Closing):
    """Started, and in sync with the Service; they end with `close`."""

    def __init__(self, site: Site, *, count: int, probe_seconds: float) -> None:
        self._site = site
        self._certificate = site.authority.issue(dns=[HOST], ips=[ADDRESS])
        self._open = ExitStack()
        try:
            self._registry = self._open.enter_context(Registry(node=site.hub))
            self._listen(site.port)
            self.agents = [self._start(number, probe_seconds) for number in range(count)]
            for agent in self.agents:
                self._await_sync(agent)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._open.close()

    def follow_change(self, *, seconds: float = 60.0) -> list[float]:
        """Change the Service; the seconds until each node has its new hosts.toml, in order."""
        port = self._site.next_port()
        self._listen(port)
        with Arrivals(directories=self._registry_directories, name=f"{HOST}:{port}") as arrivals:
            began = self._site.hand.set_port_at_last(port)
            return [moment - began for moment in arrivals.moments(seconds=seconds)]

    def requests_to(self, port: int) -> list[Request]:
        """Those that the registry has answered so far on one of the Service's ports."""
        return [request for request in self._registry.requests() if request.front == _front(port)]

    @property
    def _registry_directories(self) -> Sequence[Path]:
        return [agent.node.root / "etc/containerd/certs.d" for agent in self.agents]

    def _listen(self, port: int) -> None:
        """Let the registry listen on one more port of the Service's address."""
        self._registry.open_front(
            _front(port), address=ADDRESS, port=port, certificate=self._certificate
        )

    def _start(self, number: int, probe_seconds: float) -> Agent:
        site, name = self._site, f"node-{number:02}"
        node = self._open.enter_context(
            Node(
                containerd=newest_containerd(),
                name=name,
                directory=site.directory,
                beside=site.hub,
            )
        )
        node.start_containerd()
        site.plane.kubectl.apply(cluster_objects.node(name))
        kubeconfig = site.plane.write_service_account_kubeconfig(AGENT, AGENT, node=name)
        agent = Agent(
            node=node,
            view=f"--kubeconfig={kubeconfig}",
            listen=f"127.0.0.1:{_FIRST_METRICS_PORT + number}",
            settings={"PROBE_INTERVAL": f"{probe_seconds:g}s", "NODE_NAME": name},
        )
        agent.start()
        self._open.callback(agent.stop)
        return agent

    def _await_sync(self, agent: Agent) -> None:
        def in_sync() -> bool:
            passes = list(agent.passes())
            return bool(passes) and bool(passes[-1]["in_sync"])

        try:
            wait_until(in_sync, what=f"{agent.node.name} is in sync", seconds=_LATEST_SECONDS)
        except NodeTroubleError as trouble:
            raise NodeTroubleError(f"{trouble}: {agent.last_words()}") from trouble


def _front(port: int) -> str:
    return f"port-{port}"
