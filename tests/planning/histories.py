"""Strategies for nodes with a past: passes that ran, files that others touched, records lost."""

from dataclasses import dataclass

from hypothesis import event
from hypothesis import strategies as st

from agent.planning.hostnames import cluster_hostnames
from agent.planning.model import CA_FILE, HEADER, HOSTS_FILE, BundleObject, Route, ServiceObject
from tests.anchors import fingerprint
from tests.fakes import CrashNow
from tests.worlds import ROOT, World, bundle, route, service

ADDRESSES = ("10.96.0.50", "10.96.0.51", "fd00::50")
PORTS = (443, 5000)
NAMES = ("builds", "knative")
DOMAIN = "cluster.local"
FOREIGN_HOSTS = b'server = "https://mirror.example.com"\n'

addresses = st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=2, unique=True)
anchors = st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True)
networks = st.dictionaries(
    st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(PORTS)), st.integers(1, 3)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the cluster asks for, and which registries answer with which CA's certificate."""

    services: tuple[ServiceObject, ...]
    trust: BundleObject
    serving: dict[tuple[str, int], int]

    def come_true(self, world: World) -> None:
        world.network.serving.clear()
        for (address, port), number in self.serving.items():
            world.serve(address, signed_by=number, port=port)
        world.ask(*self.services, trust=self.trust)


@st.composite
def services(draw: st.DrawFn, labels: tuple[str, ...] = ("true",)) -> tuple[ServiceObject, ...]:
    names = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
    return tuple(
        service(
            *draw(addresses),
            name=name,
            port=draw(st.sampled_from(PORTS)),
            label=draw(st.sampled_from(labels)),
        )
        for name in names
    )


@st.composite
def wishes(draw: st.DrawFn, *, revoking: bool = False, withdrawing: bool = False) -> Wish:
    revoked = draw(st.sets(st.integers(1, 3), max_size=2)) if revoking else ()
    return Wish(
        services=draw(services(("true", "false") if withdrawing else ("true",))),
        trust=bundle(*draw(anchors), revoked=" ".join(map(fingerprint, sorted(revoked)))),
        serving=draw(networks),
    )


hosts = st.sampled_from(
    [
        host
        for item in (service(name=name) for name in NAMES)
        for port in PORTS
        for host in cluster_hostnames(item.registry, port=port, domain=DOMAIN)
    ]
)
routes: st.SearchStrategy[Route] = st.builds(
    lambda address, numbers, port: route(address, *numbers, port=port),
    st.sampled_from(ADDRESSES),
    anchors,
    st.sampled_from(PORTS),
)
damage = st.sampled_from(
    [
        (HOSTS_FILE, b""),
        (CA_FILE, b""),
        (HOSTS_FILE, None),
        (CA_FILE, None),
        (HOSTS_FILE, HEADER.encode() + b"server = 5\n"),
        (HOSTS_FILE, HEADER.encode() + b'server = "https://10.96.0.50:5000"\nskip_verify = true\n'),
        (CA_FILE, HEADER.encode() + b"nothing\n"),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a node has been through: passes, then other hands, then perhaps another process."""

    passes: list[Wish]
    adopted: dict[str, Route]
    damaged: dict[str, tuple[str, bytes | None]]
    wiped: bool
    restarted: bool

    def world(self) -> World:
        world = World()
        for wish in self.passes:
            wish.come_true(world)
            world.run()
        for host, there in self.adopted.items():
            if ROOT.child(host).path not in world.files.tree:
                world.put(host, there)
        for host, (name, content) in self.damaged.items():
            _damage(world, host, name, content)
        if self.wiped:
            world.state.wipe()
        if self.restarted:
            world.restart()
        return world


def _damage(world: World, host: str, name: str, content: bytes | None) -> None:
    path = f"{ROOT.child(host).path}/{name}"
    if path not in world.files.tree:
        return
    if content is None:
        del world.files.tree[path]
    else:
        world.files.tree[path] = content


def pasts(*, revoking: bool = False) -> st.SearchStrategy[Past]:
    return st.builds(
        Past,
        passes=st.lists(wishes(revoking=revoking), max_size=2),
        adopted=st.dictionaries(hosts, routes, max_size=2),
        damaged=st.dictionaries(hosts, damage, max_size=2),
        wiped=st.booleans(),
        restarted=st.booleans(),
    )


foreign_folders = st.dictionaries(
    st.one_of(
        hosts,
        st.sampled_from(
            [
                "_default",
                "_backup",
                "docker.io",
                "knative.registry.svc_443_",
                "knative.registry.svc.other.domain:5000",
            ]
        ),
    ),
    st.dictionaries(
        st.sampled_from([HOSTS_FILE, CA_FILE, "client.key", "client.cert"]),
        st.one_of(st.binary(max_size=20), st.just(FOREIGN_HOSTS)),
        max_size=3,
    ),
    max_size=4,
)


def cut(world: World, cut_at: int, *, late: bool = False, remove: bool = False) -> None:
    """A pass, or a removal, that ends before that effect, or right after it; and a new process."""
    faults = world.faults
    faults.at, faults.error, faults.late = faults.effects + cut_at, CrashNow(), late
    try:
        world.agent.remove() if remove else world.run()
    except CrashNow:
        event("was cut")
    faults.at = 0
    world.restart()
