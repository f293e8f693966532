"""Which roots are looked at: those of the configuration, and those a running process may read."""

from agent.errors import Reason
from agent.planning.ledger import Entry, Ledger, file_path
from agent.planning.model import Folder, HostPath, RuntimeView
from agent.planning.node_view import needs_restart, roots_in_use
from tests.worlds import LONG, ROOT

ELSEWHERE = Folder(base=HostPath("/etc/containerd"), below=("other.d",))
FOLDER = ELSEWHERE.child(LONG)
WRITTEN = Ledger(
    entries={
        file_path(FOLDER, "ca.crt"): Entry(folder=FOLDER, name="ca.crt", hashes=frozenset({"x"}))
    }
)


def runtime(*, settled: bool) -> RuntimeView:
    return RuntimeView(
        kind="containerd",
        version="2.1.9",
        pid=7,
        socket=HostPath("/run/containerd/containerd.sock"),
        config_file=HostPath("/etc/containerd/config.toml"),
        roots=(ROOT,),
        identity="",
        settled=settled,
    )


def test_a_process_older_than_its_configuration_may_read_where_we_wrote_before():
    assert roots_in_use(runtime(settled=False), WRITTEN) == (ROOT, ELSEWHERE)


def test_a_process_younger_than_its_configuration_reads_what_it_names():
    assert roots_in_use(runtime(settled=True), WRITTEN) == (ROOT,)


def test_a_configuration_that_names_other_roots_than_we_wrote_to_needs_a_restart():
    (problem,) = needs_restart(runtime(settled=False), WRITTEN)
    assert problem.reason is Reason.NEEDS_RESTART


def test_it_needs_none_once_it_was_restarted_nor_before_anything_was_written():
    assert needs_restart(runtime(settled=True), WRITTEN) == ()
    assert needs_restart(runtime(settled=False), Ledger()) == ()
