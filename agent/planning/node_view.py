"""What the node has at the places that concern us, as one value that planning can judge."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.errors import Problem, Reason
from agent.planning.hostnames import registry_of
from agent.planning.ledger import Ledger
from agent.planning.model import Folder, Found, Missing, RuntimeView
from agent.planning.ownership import Ownership, judge_owner


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """The roots that the runtime reads, the names in each, and what stands under our names.

    `settled`: no other root is read, so that what we once wrote elsewhere is read by nobody.
    """

    roots: tuple[Folder, ...]
    names: Mapping[Folder, tuple[str, ...]] = field(default_factory=dict)
    found: Mapping[Folder, Found] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    settled: bool = False

    def owner(self, folder: Folder) -> Ownership:
        """Whose the directory is."""
        found = self.found.get(folder, Missing())
        return judge_owner(folder=folder, found=found, ledger=self.ledger)

    def host_folders(self) -> Iterator[Folder]:
        """Every folder in a present root that was looked at, in the order of the roots."""
        for root in self.roots:
            yield from sorted(folder for folder in self.found if folder.parent == root)


def roots_in_use(runtime: RuntimeView, ledger: Ledger) -> tuple[Folder, ...]:
    """Where files of ours may be read from: while it is not settled, wherever we ever wrote too."""
    earlier = () if runtime.settled else (folder.parent for folder in ledger.folders())
    return tuple(dict.fromkeys((*runtime.roots, *earlier)))


def needs_restart(runtime: RuntimeView, ledger: Ledger) -> tuple[Problem, ...]:
    """The problem of a runtime whose changed configuration names other roots than we wrote to."""
    written = {folder.parent for folder in ledger.folders()}
    if runtime.settled or runtime.problems or not written or written == set(runtime.roots):
        return ()
    return (
        Problem(
            reason=Reason.NEEDS_RESTART,
            where=runtime.config_file,
            detail="it names other directories than the running process may still read",
        ),
    )


def folders_to_read(
    *,
    roots: Iterable[Folder],
    names: Mapping[Folder, tuple[str, ...]],
    hosts: Iterable[str],
    ledger: Ledger,
) -> tuple[Folder, ...]:
    """The folders that a pass must read: wanted ones, recorded ones, and what may be ours."""
    hosts = tuple(hosts)
    folders = set(ledger.folders())
    for root in roots:
        folders |= {root.child(host) for host in hosts}
        folders |= {root.child(name) for name in names.get(root, ()) if registry_of(name)}
    return tuple(sorted(folders))
