"""What the node has at the places that concern us, as one value that planning can judge."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.planning.hostnames import registry_of
from agent.planning.ledger import Ledger
from agent.planning.model import Folder, Found, Missing
from agent.planning.ownership import Ownership, judge_owner


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """The roots that the runtime reads, the names in each, and what stands under our names."""

    roots: tuple[Folder, ...]
    names: Mapping[Folder, tuple[str, ...]] = field(default_factory=dict)
    found: Mapping[Folder, Found] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)

    def owner(self, folder: Folder) -> Ownership:
        """Whose the directory is."""
        found = self.found.get(folder, Missing())
        return judge_owner(folder=folder, found=found, ledger=self.ledger)

    def host_folders(self) -> Iterator[Folder]:
        """Every folder in a present root that was looked at, in the order of the roots."""
        for root in self.roots:
            yield from sorted(folder for folder in self.found if folder.parent == root)


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
