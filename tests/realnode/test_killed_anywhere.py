"""The agent killed at every system call of an apply: the old configuration or the new, and pulls.

Each test lets one change be killed at every call that can change a file. Wherever that leaves
files which no earlier moment left, the registry is pulled from by the runtime itself, and the next
`sync` must converge.
"""

import os
from collections.abc import Iterator, Mapping

import pytest

from tests.ground.certificates import Authority, bundle
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.ground.snapshot import Entry
from tests.realnode.killing import Forks, Moment, SavedDisk, forks_of
from tests.realnode.scene import (
    ADDRESS,
    CERTS_D,
    HOST,
    OTHER_ADDRESS,
    REPOSITORY,
    SHORT_HOST,
    STATE,
    Scene,
)

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]

PORTS = ({"name": "https", "port": 5000, "protocol": "TCP"},)  # two directories, not four
FOLDERS = (f"{HOST}:5000", f"{SHORT_HOST}:5000")
IMAGE = f"{HOST}:5000/{REPOSITORY}"
SHORT_IMAGE = f"{SHORT_HOST}:5000/{REPOSITORY}"
Pair = tuple[bytes, bytes]
NOTHING: Pair = (b"", b"")


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    made = Scene(node=node, registry=registry)
    made.serve(port=5000)
    made.ask_for(ports=PORTS)
    node.start_containerd()
    return made


@pytest.fixture
def forks(scene: Scene) -> Iterator[Forks]:
    with forks_of(scene) as made:
        yield made


def test_a_first_apply(scene: Scene, forks: Forks):
    reached = set()
    for moment in killed_everywhere(scene, forks, "sync"):
        found = {folder: pair_of(scene, folder) for folder in FOLDERS}
        for folder, image in zip(FOLDERS, (IMAGE, SHORT_IMAGE), strict=True):
            is_there = (scene.node.root / CERTS_D / folder).exists()
            assert scene.pull(image).ok == is_there == (found[folder] != NOTHING), moment
            reached.add((folder, is_there))
        assert_sync_converges(scene, forks, moment)
        assert set(found.values()) <= {NOTHING, pair_of(scene, FOLDERS[0])}, moment

    assert len(reached) == 4


def test_a_first_apply_where_somebodys_default_directory_served_the_name(
    scene: Scene, forks: Forks
):
    serve_by_default(scene)
    foreign = foreign_files(scene)
    assert scene.pull(IMAGE).ok

    for moment in killed_everywhere(scene, forks, "sync"):
        assert_pulls_work(scene, moment)
        assert_sync_converges(scene, forks, moment)
        assert foreign_files(scene) == foreign, moment


def test_a_change_of_the_endpoint(scene: Scene, forks: Forks):
    scene.serve("other", address=OTHER_ADDRESS, port=5000)
    assert forks.call("sync")[0] == 0
    old = pair_of(scene, FOLDERS[0])
    scene.ask_for(address=OTHER_ADDRESS, ports=PORTS)

    seen = set()
    for moment in killed_everywhere(scene, forks, "sync"):
        found = [pair_of(scene, folder) for folder in FOLDERS]
        assert_pulls_work(scene, moment)
        assert_sync_converges(scene, forks, moment)
        new = pair_of(scene, FOLDERS[0])
        assert set(found) <= {old, new}, moment
        seen |= set(found)

    assert len(seen) == 2


def test_a_change_of_ca_and_endpoint_together(scene: Scene, forks: Forks):
    second = Authority.create(name="second CA")
    scene.serve("other", address=OTHER_ADDRESS, port=5000, authority=second)
    assert forks.call("sync")[0] == 0
    (old_hosts, old_ca) = pair_of(scene, FOLDERS[0])
    scene.ask_for(address=OTHER_ADDRESS, ports=PORTS, pem=second.pem)

    found = set()
    for moment in killed_everywhere(scene, forks, "sync"):
        found |= {pair_of(scene, folder) for folder in FOLDERS}
        assert_pulls_work(scene, moment)
        assert_sync_converges(scene, forks, moment)

    (new_hosts, new_ca) = pair_of(scene, FOLDERS[0])
    union = next(iter({ca for _, ca in found} - {old_ca, new_ca}))
    assert anchors(union) == anchors(bundle(scene.authority, second).encode())
    assert found == {
        (old_hosts, old_ca),
        (old_hosts, union),
        (new_hosts, union),
        (new_hosts, new_ca),
    }


def test_remove_where_somebodys_default_directory_serves_the_name_afterwards(
    scene: Scene, forks: Forks
):
    serve_by_default(scene)
    start = scene.node.snapshot()
    assert forks.call("sync")[0] == 0
    pair = pair_of(scene, FOLDERS[0])

    for moment in killed_everywhere(scene, forks, "remove"):
        for folder in FOLDERS:
            assert pair_of(scene, folder) in {pair, NOTHING}, moment
        assert_pulls_work(scene, moment)
        left = SavedDisk(scene)
        assert_sync_converges(scene, forks, moment)
        left.restore()
        assert forks.call("remove")[0] == 0, moment
        assert scene.node.snapshot() == start, moment


def test_of_a_ledger_half_written_nothing_is_left_after_the_next_sync(scene: Scene, forks: Forks):
    assert forks.call("sync")[0] == 0
    start = SavedDisk(scene)
    renames = [m for m in forks.moments("remove") if m.name == "renameat" and "ledger" in m.text]
    start.restore()
    assert forks.kill_at(renames[0], "remove")

    assert forks.call("sync")[0] == 0

    assert half_made(scene, STATE) == []


def killed_everywhere(scene: Scene, forks: Forks, command: str) -> Iterator[Moment]:
    """Each moment at which the command, killed, leaves files as no earlier one left them."""
    start = SavedDisk(scene)
    moments = forks.moments(command)
    seen: list[Mapping[str, Entry]] = []
    for moment in moments:
        start.restore()
        assert forks.kill_at(moment, command), f"not reached: {moment}"
        disk = scene.node.snapshot()
        if disk not in seen:
            seen.append(disk)
            yield moment
    assert len(seen) > len(FOLDERS)


def assert_pulls_work(scene: Scene, moment: Moment) -> None:
    for image in (IMAGE, SHORT_IMAGE):
        assert scene.pull(image).error == "", moment


def assert_sync_converges(scene: Scene, forks: Forks, moment: Moment) -> None:
    """As asked, with pulls, nothing left to do, and nothing half-made left."""
    status, said = forks.call("sync")
    assert status == 0, (moment, said)
    assert scene.pull(IMAGE).ok, moment
    assert pair_of(scene, FOLDERS[0]) == pair_of(scene, FOLDERS[1]) != NOTHING, moment
    assert half_made(scene, CERTS_D) == [], moment
    disk = scene.node.snapshot()
    if disk not in forks.converged:
        assert forks.call("plan", "--exit-code")[0] == 0, moment
        forks.converged.append(disk)


def half_made(scene: Scene, place: str) -> list[str]:
    """What an interrupted step left below a directory."""
    return [
        name
        for _, folders, files in os.walk(scene.node.root / place)
        for name in (*folders, *files)
        if name.startswith(".")
    ]


def pair_of(scene: Scene, folder: str) -> Pair:
    """The hosts file and the CA file of a directory; empty ones when they are missing."""
    files = (scene.node.root / CERTS_D / folder / name for name in ("hosts.toml", "ca.crt"))
    hosts, ca = (file.read_bytes() if file.exists() else b"" for file in files)
    return hosts, ca


def anchors(pem: bytes) -> set[bytes]:
    """The certificates in it, in whatever order."""
    begin = b"-----BEGIN CERTIFICATE-----"
    return {part.split(b"-----END")[0] for part in pem.split(begin)[1:]}


def serve_by_default(scene: Scene) -> None:
    """Somebody's `_default`, through which the name is pulled from the same registry."""
    folder = f"{CERTS_D}/_default"
    scene.node.write(f"{folder}/trust.crt", scene.authority.pem)
    scene.node.write(
        f"{folder}/hosts.toml", f'server = "https://{ADDRESS}:5000"\nca = "trust.crt"\n\n[host]\n'
    )


def foreign_files(scene: Scene) -> Mapping[str, Entry]:
    ours = tuple(f"{CERTS_D}/{folder}" for folder in FOLDERS)
    return {path: e for path, e in scene.configuration().items() if not path.startswith(ours)}
