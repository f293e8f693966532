"""What every HostFiles does, the fake and the real one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import NodeTrouble, Reason
from agent.node.host_files import HostFiles as RealHostFiles
from agent.planning.model import (
    CA_FILE,
    HOSTS_FILE,
    OUR_FILES,
    Blocked,
    Folder,
    FoundFolder,
    Missing,
)
from agent.planning.steps import CreateFolder, RemoveEmptyFolder, RemoveFolder, ReplaceFile, Step
from tests.contracts.conftest import BASE, Node
from tests.fakes import FakeHostFiles

ROOT = Folder(base=BASE, below=("certs.d",))
FOLDER = ROOT.child("a.b.svc:5000")
OTHER = ROOT.child("c.d.svc:5000")
FILES = {HOSTS_FILE: b"hosts", CA_FILE: b"ca"}
CREATE = CreateFolder(folder=FOLDER, files=tuple(FILES.items()))
REMOVE = RemoveFolder(folder=FOLDER, names=OUR_FILES)


def reason_of(step: CreateFolder | ReplaceFile, node: Node) -> Reason:
    with pytest.raises(NodeTrouble) as refused:
        perform(node.files, step)
    return refused.value.problem.reason


def perform(files: FakeHostFiles | RealHostFiles, step: Step) -> None:
    match step:
        case CreateFolder():
            files.create_folder(step)
        case ReplaceFile():
            files.replace_file(step)
        case RemoveFolder():
            files.remove_folder(step)
        case RemoveEmptyFolder():
            files.remove_empty_folder(step)


def test_nothing_is_there_at_first(node: Node) -> None:
    assert node.files.read(FOLDER) == Missing()
    assert node.files.names(ROOT) == ()
    assert node.files.missing(FOLDER) == (ROOT, FOLDER)


def test_a_directory_is_created_with_all_above_it(node: Node) -> None:
    node.files.create_folder(CREATE)
    assert node.files.read(FOLDER) == FoundFolder(files=FILES)
    assert node.files.names(ROOT) == (FOLDER.name,)
    assert node.files.missing(FOLDER) == ()
    assert node.files.missing(OTHER) == (OTHER,)


@pytest.mark.parametrize("there", [None, b"a file"], ids=["a directory", "a file"])
def test_nothing_is_created_where_something_is(node: Node, there: bytes | None) -> None:
    node.plant(ROOT.path, None)
    node.plant(FOLDER.path, there)
    before = node.tree()
    assert reason_of(CREATE, node) is Reason.HOST_TAKEN
    assert node.tree() == before


def test_what_is_no_directory_is_blocked(node: Node) -> None:
    node.plant(ROOT.path, None)
    node.plant(FOLDER.path, b"a file")
    found = node.files.read(FOLDER)
    assert isinstance(found, Blocked)
    assert found.reason is Reason.HOST_TAKEN


def test_others_are_named_and_not_read(node: Node) -> None:
    node.files.create_folder(CREATE)
    node.plant(f"{FOLDER.path}/client.key", b"secret")
    assert node.files.read(FOLDER) == FoundFolder(files=FILES, others=("client.key",))


def test_a_directory_under_our_name_is_another_thing(node: Node) -> None:
    node.plant(ROOT.path, None)
    node.plant(FOLDER.path, None)
    node.plant(f"{FOLDER.path}/{CA_FILE}", None)
    assert node.files.read(FOLDER) == FoundFolder(files={}, others=(CA_FILE,))
    step = ReplaceFile(folder=FOLDER, name=CA_FILE, content=b"new")
    assert reason_of(step, node) is Reason.HOST_TAKEN


def test_a_file_is_replaced_or_added(node: Node) -> None:
    node.plant(ROOT.path, None)
    node.plant(FOLDER.path, None)
    for content in (b"new", b"newer"):
        node.files.replace_file(ReplaceFile(folder=FOLDER, name=CA_FILE, content=content))
        assert node.files.read(FOLDER) == FoundFolder(files={CA_FILE: content})


def test_nothing_is_replaced_in_a_directory_that_is_not_there(node: Node) -> None:
    reason_of(ReplaceFile(folder=FOLDER, name=CA_FILE, content=b"new"), node)
    assert node.tree() == {}


def test_a_directory_of_ours_is_removed_with_its_files(node: Node) -> None:
    node.files.create_folder(CREATE)
    node.files.remove_folder(REMOVE)
    assert node.files.read(FOLDER) == Missing()
    assert node.files.names(ROOT) == ()


def test_others_files_keep_their_directory(node: Node) -> None:
    node.files.create_folder(CREATE)
    node.plant(f"{FOLDER.path}/client.key", b"theirs")
    node.files.remove_folder(REMOVE)
    assert node.tree() == {
        ROOT.path: None,
        FOLDER.path: None,
        f"{FOLDER.path}/client.key": b"theirs",
    }


def test_only_the_named_files_are_removed(node: Node) -> None:
    node.files.create_folder(CREATE)
    node.files.remove_folder(RemoveFolder(folder=FOLDER, names=(HOSTS_FILE,)))
    assert node.files.read(FOLDER) == FoundFolder(files={CA_FILE: b"ca"})


def test_what_is_gone_already_is_removed_without_a_word(node: Node) -> None:
    node.files.remove_folder(REMOVE)
    node.files.remove_empty_folder(RemoveEmptyFolder(folder=ROOT))
    assert node.tree() == {}


def test_only_an_empty_directory_is_removed(node: Node) -> None:
    node.files.create_folder(CREATE)
    node.files.remove_empty_folder(RemoveEmptyFolder(folder=ROOT))
    assert node.files.names(ROOT) == (FOLDER.name,)
    node.files.remove_folder(REMOVE)
    node.files.remove_empty_folder(RemoveEmptyFolder(folder=ROOT))
    assert node.tree() == {}


def test_its_signature_tells_of_every_change(node: Node) -> None:
    seen = [node.files.signature(FOLDER)]
    node.files.create_folder(CREATE)
    seen.append(node.files.signature(FOLDER))
    node.files.replace_file(ReplaceFile(folder=FOLDER, name=CA_FILE, content=b"a longer one"))
    seen.append(node.files.signature(FOLDER))
    node.files.remove_folder(RemoveFolder(folder=FOLDER, names=(HOSTS_FILE,)))
    seen.append(node.files.signature(FOLDER))
    assert len(set(seen)) == 4
    assert node.files.signature(FOLDER) == seen[-1]


def test_a_sweep_and_a_look_find_nothing_wrong(node: Node) -> None:
    node.files.create_folder(CREATE)
    before = node.tree()
    assert node.files.sweep(ROOT) == {}
    node.files.check_linked(ROOT)
    assert node.tree() == before


steps = st.one_of(
    st.builds(
        CreateFolder,
        folder=st.sampled_from([FOLDER, OTHER]),
        files=st.just(tuple(FILES.items())),
    ),
    st.builds(
        ReplaceFile,
        folder=st.sampled_from([FOLDER, OTHER]),
        name=st.sampled_from(OUR_FILES),
        content=st.binary(max_size=2),
    ),
    st.builds(
        RemoveFolder,
        folder=st.sampled_from([FOLDER, OTHER]),
        names=st.lists(st.sampled_from(OUR_FILES), unique=True).map(tuple),
    ),
    st.builds(RemoveEmptyFolder, folder=st.sampled_from([ROOT, FOLDER])),
)


@given(script=st.lists(steps, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_steps_end_alike_on_both(
    script: list[Step], tmp_path_factory: pytest.TempPathFactory
) -> None:
    fake = FakeHostFiles(tree={BASE: None})
    host_root = tmp_path_factory.mktemp("node")
    (host_root / BASE.lstrip("/")).mkdir(parents=True)
    both = (Node(files=fake, fake=fake), Node(files=RealHostFiles(host_root), root=host_root))
    for step in script:
        assert len({outcome(node, step) for node in both}) == 1
        assert both[0].tree() == both[1].tree()


def outcome(node: Node, step: Step) -> bool:
    try:
        perform(node.files, step)
    except NodeTrouble:
        return False
    return True
