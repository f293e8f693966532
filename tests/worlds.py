"""A node, its runtime, the network and what is asked for: one value that a test can play with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_address

from agent.errors import ClusterTrouble, Problem, Reason
from agent.planning.containerd_hosts import render_hosts_file
from agent.planning.desires import Rules
from agent.planning.model import (
    CA_FILE,
    HOSTS_FILE,
    BundleObject,
    ClusterView,
    Endpoint,
    Folder,
    HostPath,
    RegistryName,
    Route,
    ServiceObject,
    ServicePort,
)
from agent.planning.outcome import Outcome
from agent.planning.plan import Plan
from agent.planning.steps import Step
from agent.planning.trust_bundle import render_trust_file
from agent.reconciler import Examination, Reconciler
from tests.anchors import anchor, ders, pem
from tests.fake_network import FakeCrio, FakeDocker, FakeProbe, FakeRuntime, Network
from tests.fakes import (
    FakeClock,
    FakeHostFiles,
    FakeServices,
    FakeSource,
    FakeState,
    FakeTurn,
    Faults,
    NoWait,
)

REFERENCE = "configmap:registry-trust/registry-trust"
RULES = Rules(domain="cluster.local", references={"": REFERENCE})
ROOT = Folder(base=HostPath("/etc/containerd"), below=("certs.d",))
KNATIVE = RegistryName(namespace="registry", name="knative")
LONG = "knative.registry.svc.cluster.local:5000"
SHORT = "knative.registry.svc:5000"
OLD_IP, NEW_IP = "10.96.0.50", "10.96.0.51"
WITHDRAW_AFTER = timedelta(minutes=10)
API_DOWN = ClusterTrouble(
    Problem(reason=Reason.MANIFESTS_UNREADABLE, where="/manifests", detail="it is not there")
)


def endpoint(address: str = OLD_IP, port: int = 5000) -> Endpoint:
    return Endpoint(address=ip_address(address), port=port)


def route(address: str = OLD_IP, *anchors: int, port: int = 5000) -> Route:
    return Route(endpoint=endpoint(address, port), ders=ders(*(anchors or (1,))))


def service(
    *addresses: str,
    name: str = "knative",
    namespace: str = "registry",
    port: int = 5000,
    label: str = "true",
    apply_held: str = "",
) -> ServiceObject:
    return ServiceObject(
        registry=RegistryName(namespace=namespace, name=name),
        label=label,
        type="ClusterIP",
        cluster_ips=addresses or (OLD_IP,),
        ports=(ServicePort(number=port, name="https"),),
        apply_held=apply_held,
    )


def bundle(*anchors: int, revoked: str = "", apply_held: str = "") -> BundleObject:
    text = pem(*(anchors or (1,)))
    return BundleObject(where=REFERENCE, pem=text, revoked=revoked, apply_held=apply_held)


def view_of(
    services: Iterable[ServiceObject],
    bundles: Mapping[str, BundleObject],
    *,
    complete: bool = True,
) -> ClusterView:
    problems = () if complete else (API_DOWN.problem,)
    return ClusterView(
        services=tuple(services), bundles=bundles, complete=complete, problems=problems
    )


@dataclass(slots=True)
class World:
    """All of it. `agent` is the living process; a new one begins with `restart`."""

    roots: tuple[Folder, ...] = (ROOT,)
    rules: Rules = RULES
    faults: Faults = field(default_factory=Faults)
    clock: FakeClock = field(default_factory=FakeClock)
    network: Network = field(default_factory=Network)
    services: FakeServices = field(default_factory=FakeServices)
    turn: FakeTurn = field(default_factory=FakeTurn)
    stop: NoWait = field(default_factory=NoWait)
    files: FakeHostFiles = field(init=False)
    state: FakeState = field(init=False)
    source: FakeSource = field(init=False)
    probe: FakeProbe = field(init=False)
    runtime: FakeRuntime = field(init=False)
    crio: FakeCrio | None = None
    may_reload: bool = True
    docker: FakeDocker | None = None
    agent: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        self.files = FakeHostFiles(faults=self.faults, tree={"/etc/containerd/config.toml": b"#"})
        self.state = FakeState(faults=self.faults)
        self.source = FakeSource(answer=view_of((), {}))
        self.probe = FakeProbe(network=self.network)
        if self.crio is not None:
            self.crio.files, self.crio.network = self.files, self.network
        if self.docker is not None:
            self.docker.files, self.docker.network = self.files, self.network
        self.runtime = FakeRuntime(files=self.files, network=self.network, roots=self.roots)
        self.restart()

    def restart(self) -> None:
        """Another process over the same disk."""
        self.agent = Reconciler(
            source=self.source,
            files=self.files,
            state=self.state,
            runtime=self.crio or self.docker or self.runtime,
            turn=self.turn,
            services=self.services,
            probe=self.probe,
            clock=self.clock,
            rules=self.rules,
            withdraw_after=WITHDRAW_AFTER,
            stop=self.stop,
            may_reload=self.may_reload,
        )

    def ask(self, *services: ServiceObject, trust: BundleObject | None = None) -> None:
        """What the cluster asks for from now on."""
        self.source.answer = view_of(services, {REFERENCE: trust or bundle(1)})

    def lose_the_view(self) -> None:
        self.source.answer = API_DOWN

    def serve(self, address: str = OLD_IP, signed_by: int = 1, port: int = 5000) -> None:
        """Let a registry answer there, with a certificate of that CA."""
        self.network.serving[endpoint(address, port).url] = anchor(signed_by)

    def fall_silent(self, address: str = OLD_IP, port: int = 5000) -> None:
        self.network.serving.pop(endpoint(address, port).url, None)

    def put(self, host: str, there: Route, *, root: Folder = ROOT) -> None:
        """A directory as we would write it, without anything in the ledger."""
        self.put_file(host, HOSTS_FILE, render_hosts_file(there.endpoint), root=root)
        self.put_file(host, CA_FILE, render_trust_file(there.ders), root=root)

    def put_file(self, host: str, name: str, content: bytes, *, root: Folder = ROOT) -> None:
        folder = root.child(host)
        for way in self.files.missing(folder):
            self.files.tree[way.path] = None
        self.files.tree[f"{folder.path}/{name}"] = content

    def file(self, host: str, name: str, *, root: Folder = ROOT) -> bytes | None:
        return self.files.tree.get(f"{root.child(host).path}/{name}")

    def stands(self, host: str, *, root: Folder = ROOT) -> Route | None:
        """The route that the node's files describe, by the ledger or without it."""
        examined = self.agent.examine().node
        folder = root.child(host)
        looked = replace(examined, found={folder: self.files.read(folder)})
        return getattr(looked.owner(folder), "route", None)

    def pulls(self, host: str = LONG) -> bool:
        return self.runtime.pull(host).effective

    def tree(self) -> dict[str, bytes | None]:
        """The node's files as they are now."""
        return dict(self.files.tree)

    def examine(self, *, apply_held: bool = False) -> Examination:
        return self.agent.examine(apply_held=apply_held)

    def plan(self, *, apply_held: bool = False) -> Plan:
        return self.examine(apply_held=apply_held).plan

    def run(self, *, apply_held: bool = False) -> Outcome:
        return self.agent.run_pass(apply_held=apply_held)

    def reasons(self) -> set[Reason]:
        """What a pass reports, after it has run."""
        return {problem.reason for problem in self.run().problems}


def converged(*services: ServiceObject, trust: BundleObject | None = None) -> World:
    """A node where all that is asked for is served, written, and in sync."""
    world = World()
    world.ask(*(services or (service(),)), trust=trust)
    for item in services or (service(),):
        for address in item.cluster_ips:
            world.serve(address, port=item.ports[0].number)
    assert world.run().in_sync
    return world


def after_each_step(world: World, steps: Iterable[Step], look: Callable[[], None]) -> None:
    """Carry out steps as the reconciler does, and look before the first and after every one."""
    look()
    for step in steps:
        world.agent.applier._perform(step)  # noqa: SLF001 - the one interpreter of steps
        look()
