"""The record of a configuration that we changed, and who else needs what it turned on."""

from dataclasses import replace

import pytest

from agent.errors import Problem, Reason
from agent.planning.config_turn import Standing, Turn, decode, encode, foreign_hosts
from agent.planning.ledger import Ledger, content_hash
from agent.planning.model import HostPath
from agent.planning.node_view import DOCKER_ROOT, NodeView
from agent.planning.registries_conf import USUAL
from agent.planning.removal import Removal
from agent.planning.steps import RemoveFolder
from tests.worlds import LONG, ROOT

BEFORE, AFTER = b"version = 2\n\xff", b"version = 2\n[plugins]\n"
TURN = Turn(
    path=HostPath("/etc/containerd/config.toml"),
    before=BEFORE,
    after=content_hash(AFTER),
    unit="containerd.service",
    pid=43,
    start_time=1234,
)
NODE = NodeView(roots=(ROOT,), names={ROOT: (LONG, "docker.io")})


@pytest.mark.parametrize(
    "turn",
    [TURN, replace(TURN, before=None), replace(TURN, proven=True)],
    ids=["changed", "made", "proven"],
)
def test_a_record_is_read_back_as_it_was_written(turn: Turn) -> None:
    assert decode(encode(turn)) == turn


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"path": 1}', encode(TURN)[:-9]])
def test_what_is_no_record_is_told_from_one(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(text)


@pytest.mark.parametrize(
    ("content", "standing"),
    [
        (BEFORE, Standing.AS_BEFORE),
        (AFTER, Standing.AS_WRITTEN),
        (AFTER + b"#", Standing.OF_OTHERS),
        (None, Standing.OF_OTHERS),
    ],
)
def test_whose_the_file_is_shows_in_its_bytes(content: bytes | None, standing: Standing) -> None:
    assert TURN.standing(content) is standing


def test_a_file_that_we_made_and_that_is_gone_is_as_before() -> None:
    assert replace(TURN, before=None).standing(None) is Standing.AS_BEFORE


def test_the_old_file_is_not_shown_where_a_record_is_printed() -> None:
    assert "version" not in repr(TURN)


def removal(*names: str, left: tuple[Problem, ...] = ()) -> Removal:
    steps = tuple(RemoveFolder(folder=ROOT.child(name), names=()) for name in names)
    return Removal(steps=steps, left=left, unread=(), ledger=Ledger())


def test_a_directory_that_is_not_removed_needs_config_path() -> None:
    assert foreign_hosts(NODE, removal(LONG)) == (ROOT.child("docker.io"),)
    assert foreign_hosts(NODE, removal(LONG, "docker.io")) == ()


def test_so_does_one_in_which_others_have_files() -> None:
    where = f"{ROOT.child(LONG).path}/client.cert"
    theirs = Problem(reason=Reason.CHANGED_BY_OTHERS, where=where, detail="it is not ours")
    assert foreign_hosts(NODE, removal(LONG, "docker.io", left=(theirs,))) == (ROOT.child(LONG),)


def test_what_only_docker_or_crio_read_needs_no_config_path() -> None:
    roots = (ROOT, DOCKER_ROOT, *USUAL.folders)
    node = NodeView(roots=roots, names=dict.fromkeys(roots[1:], ("theirs",)))
    assert foreign_hosts(node, removal()) == ()
