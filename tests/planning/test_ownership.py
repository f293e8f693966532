"""Whose a directory is: somebody else's is refused with a reason, never fought over."""

import pytest

from agent.errors import Reason
from agent.planning.containerd_hosts import render_hosts_file
from agent.planning.ledger import Ledger, adopt
from agent.planning.model import CA_FILE, HEADER, HOSTS_FILE, Blocked, Found, FoundFolder, Missing
from agent.planning.ownership import Foreign, Nobodys, Ours, Ownership, judge_owner
from agent.planning.trust_bundle import render_trust_file
from tests.anchors import ders
from tests.planning.histories import FOREIGN_HOSTS
from tests.worlds import LONG, ROOT, World, endpoint, route, service

FOLDER = ROOT.child(LONG)
OURS = {
    HOSTS_FILE: render_hosts_file(endpoint()),
    CA_FILE: render_trust_file(ders(1)),
}
LEDGER = adopt(Ledger(), folder=FOLDER, files=OURS)


def judge(found: Found, ledger: Ledger = LEDGER) -> Ownership:
    return judge_owner(folder=FOLDER, found=found, ledger=ledger)


def test_what_is_missing_is_nobodys() -> None:
    assert judge(Missing()) == Nobodys()


def test_what_we_wrote_is_ours_and_has_a_route() -> None:
    assert judge(FoundFolder(files=OURS)) == Ours(files=OURS, route=route(), in_ledger=True)


@pytest.mark.parametrize("ledger", [Ledger(), LEDGER])
def test_a_link_in_the_place_of_a_file_is_called_one(ledger: Ledger) -> None:
    found = FoundFolder(files={CA_FILE: OURS[CA_FILE]}, others=(HOSTS_FILE,), links=(HOSTS_FILE,))
    owner = judge(found, ledger)
    assert isinstance(owner, Foreign)
    assert (owner.problem.reason, owner.problem.where) == (Reason.SYMLINK_REFUSED, FOLDER.path)


def test_without_a_ledger_it_is_ours_if_it_is_what_we_would_write() -> None:
    found = FoundFolder(files=OURS)
    assert judge(found, Ledger()) == Ours(files=OURS, route=route(), in_ledger=False)


IN_LEDGER = {
    "hosts.toml is gone": {CA_FILE: OURS[CA_FILE]},
    "everything in it is gone": {},
    "a file is empty": {**OURS, CA_FILE: b""},
    "a file was edited below our header": {**OURS, HOSTS_FILE: HEADER.encode() + b"server = 1"},
}


@pytest.mark.parametrize("sentence", IN_LEDGER)
def test_by_the_ledger_it_is_ours_to_repair_when(sentence: str) -> None:
    files = IN_LEDGER[sentence]
    assert judge(FoundFolder(files=files)) == Ours(files=files, route=None, in_ledger=True)


FOREIGN_BY_LEDGER = {
    "hosts.toml is another's": {**OURS, HOSTS_FILE: FOREIGN_HOSTS},
    "ca.crt is another's": {**OURS, CA_FILE: b"-----BEGIN"},
    "our header was taken off": {
        **OURS,
        HOSTS_FILE: OURS[HOSTS_FILE].removeprefix(HEADER.encode()),
    },
}


@pytest.mark.parametrize("sentence", FOREIGN_BY_LEDGER)
def test_in_spite_of_the_ledger_it_is_foreign_when(sentence: str) -> None:
    owner = judge(FoundFolder(files=FOREIGN_BY_LEDGER[sentence]))
    assert isinstance(owner, Foreign)
    assert (owner.problem.reason, owner.problem.where) == (Reason.HOST_TAKEN, FOLDER.path)


FOREIGN_WITHOUT_LEDGER = {
    "it is empty": FoundFolder(files={}),
    "it holds another's file": FoundFolder(files={HOSTS_FILE: FOREIGN_HOSTS}),
    "it holds other names only": FoundFolder(files={}, others=("client.key",)),
    "one of two files is not quite ours": FoundFolder(
        files={**OURS, CA_FILE: OURS[CA_FILE] + b"\n"}
    ),
    "hosts.toml was edited below our header": FoundFolder(
        files={**OURS, HOSTS_FILE: OURS[HOSTS_FILE] + b"# mine\n"}
    ),
    "it has our header and nothing else": FoundFolder(files={CA_FILE: HEADER.encode()}),
}


@pytest.mark.parametrize("sentence", FOREIGN_WITHOUT_LEDGER)
def test_without_a_ledger_it_is_foreign_when(sentence: str) -> None:
    owner = judge(FOREIGN_WITHOUT_LEDGER[sentence], Ledger())
    assert isinstance(owner, Foreign)
    assert owner.problem.reason is Reason.HOST_TAKEN


def test_a_link_or_a_device_under_our_name_is_foreign_whatever_the_ledger_says() -> None:
    owner = judge(FoundFolder(files={CA_FILE: OURS[CA_FILE]}, others=(HOSTS_FILE,)))
    assert isinstance(owner, Foreign)
    assert HOSTS_FILE in owner.problem.detail


def test_what_is_no_directory_keeps_the_reason_it_was_found_with() -> None:
    owner = judge(Blocked(reason=Reason.SYMLINK_REFUSED, detail="it is a link"))
    assert isinstance(owner, Foreign)
    assert (owner.problem.reason, owner.problem.detail) == (Reason.SYMLINK_REFUSED, "it is a link")


def test_another_directorys_entries_make_nothing_ours() -> None:
    owner = judge_owner(
        folder=ROOT.child("x.y.svc:1"),
        found=FoundFolder(files={HOSTS_FILE: FOREIGN_HOSTS}),
        ledger=LEDGER,
    )
    assert isinstance(owner, Foreign)


# In a plan


@pytest.mark.parametrize("sentence", FOREIGN_WITHOUT_LEDGER)
def test_a_foreign_directory_is_left_and_reported_for_its_registry(sentence: str) -> None:
    found = FOREIGN_WITHOUT_LEDGER[sentence]
    world = World()
    world.serve()
    for way in world.files.missing(FOLDER):
        world.files.tree[way.path] = None
    for name, content in (*found.files.items(), *((name, b"") for name in found.others)):
        world.put_file(LONG, name, content)
    before = {path: content for path, content in world.tree().items() if LONG in path}
    world.ask(service())
    problems = world.run().problems
    assert [(problem.reason, problem.registry) for problem in problems] == [
        (Reason.HOST_TAKEN, "registry/knative")
    ]
    assert before.items() <= world.tree().items()


def test_a_file_at_the_place_of_a_directory_is_refused() -> None:
    world = World()
    world.files.tree.update({ROOT.path: None, FOLDER.path: b"a file"})
    world.ask(service())
    assert Reason.HOST_TAKEN in world.reasons()
    assert world.tree()[FOLDER.path] == b"a file"


def test_a_directory_that_containerd_prefers_to_ours_is_reported() -> None:
    world = World()
    world.put_file("knative.registry.svc_443_", HOSTS_FILE, FOREIGN_HOSTS)
    world.ask(service(port=443))
    world.serve(port=443)
    [problem] = world.run().problems
    assert problem.reason is Reason.SHADOWED
    assert problem.where == f"{ROOT.path}/knative.registry.svc_443_"
    assert problem.registry == "registry/knative"
    assert world.file("knative.registry.svc_443_", HOSTS_FILE) == FOREIGN_HOSTS
