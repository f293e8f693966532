"""A node whose runtime is CRI-O, with or without a past."""

from hypothesis import strategies as st

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.registries_conf import USUAL
from tests.fake_network import FakeCrio, Network
from tests.fakes import FakeHostFiles
from tests.planning.histories import Wish, wishes
from tests.worlds import World

DROP_IN = USUAL.drop_in
DEAF = NodeTrouble(Problem(reason=Reason.NEEDS_RELOAD, where=DROP_IN, detail="it is deaf"))
pasts = st.lists(wishes(withdrawing=True), max_size=3)


def crio_world(past: list[Wish] = []) -> tuple[World, FakeCrio]:  # noqa: B006 - never changed
    crio = FakeCrio(files=FakeHostFiles(), network=Network())
    world = World(crio=crio)
    for folder in ("/etc/containers", *(folder.path for folder in USUAL.folders)):
        world.files.tree[folder] = None
    for wish in past:
        wish.come_true(world)
        world.run()
    return world, crio


def pulled_by(crio: FakeCrio) -> list[str]:
    return [host for host in crio.loaded if crio.pull(host).effective]


def certificates_in(world: World) -> set[str]:
    """The `address:port` of each directory of certificates."""
    place = f"{USUAL.certificates.path}/"
    found = (path for path in world.files.tree if path.startswith(place))
    return {path.removeprefix(place).partition("/")[0] for path in found}
